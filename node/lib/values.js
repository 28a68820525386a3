// Owns how values become the JSON that is stored, and back: exactly, or with an error that names the place. Never stores
// anything else than what it was given.
"use strict";

const { FerrumDBError } = require("./errors.js");
const exact = require("./exact.js");
const codec = require("./codec.js");

/** No document is nested deeper, whatever the database's limits are. */
const DEPTH_MAX = 256;

/** What a look at a value tells. */
const PLAIN = 0;
/** `JSON.stringify` would get it wrong, or cannot do it. */
const SPECIAL = 1;
const REFUSED = 2;

/** The JSON of a value. `extended` is whether dates and buffers are taken. */
function encode(value, extended, key) {
  const found = look(value, 0, extended);
  if (found & REFUSED) refuse(value, extended, key);
  const json = found === PLAIN ? JSON.stringify(value) : exact.stringify(value, extended ? codec.written : undefined);
  // Half of a surrogate pair is escaped so, and nothing else is but a backslash before these letters.
  if (json.includes("\\ud")) refuse(value, extended, key);
  return json;
}

/** The value of a JSON text. The binary marks those by a space that may hold integers beyond a number's. */
function decode(text, { extended, asNumbers }) {
  const value = text.charCodeAt(0) !== 32 || asNumbers ? JSON.parse(text) : exact.parse(text, 1);
  return extended && text.includes('"$') ? codec.read(value) : value;
}

/** The stored text itself. */
function raw(text) {
  return text.charCodeAt(0) === 32 ? text.slice(1) : text;
}

function look(value, depth, extended) {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) return REFUSED;
      return exact.isPlain(value) ? PLAIN : SPECIAL;
    // A look at the JSON that is made of strings and names is quicker than one at each of them.
    case "string":
    case "boolean":
      return PLAIN;
    case "object":
      if (value === null) return PLAIN;
      if (depth > DEPTH_MAX) return REFUSED;
      return Array.isArray(value) ? lookAtItems(value, depth, extended) : lookAtFields(value, depth, extended);
    case "bigint":
      return exact.fits(value) ? SPECIAL : REFUSED;
    default:
      return REFUSED;
  }
}

function lookAtItems(array, depth, extended) {
  let found = PLAIN;
  for (let index = 0; index < array.length; index++) {
    found |= look(array[index], depth + 1, extended);
    // The rest tells nothing new, and in a cycle there would be no end to it.
    if (found & REFUSED) return REFUSED;
  }
  return found;
}

function lookAtFields(object, depth, extended) {
  if (!isPlain(object)) return extended && codec.takes(object) && !codec.fault(object) ? SPECIAL : REFUSED;
  if (Object.getOwnPropertySymbols(object).length > 0) return REFUSED;
  let found = PLAIN;
  for (const name in object) {
    if (extended && name.charCodeAt(0) === 36) found |= SPECIAL;
    found |= look(object[name], depth + 1, extended);
    if (found & REFUSED) return REFUSED;
  }
  return found;
}

/** Whether an object is nothing but its fields; those of another realm are, too. */
function isPlain(object) {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "hasOwnProperty");
}

/** Throws why a value is refused, and where in it, which is the first such place: if there is one. */
function refuse(value, extended, key) {
  const place = [];
  const what = find(value, extended, place, []);
  if (what === undefined) return;
  const path = place.reduce((path, step) => path + (typeof step === "number" ? `[${step}]` : field(step)), "$");
  const message = `the value at ${path} cannot be stored: ${what}`;
  const about = key === undefined ? message : `key ${JSON.stringify(key)}: ${message}`;
  throw new FerrumDBError({ code: "FERRUMDB_NOT_SERIALIZABLE", message: about, key, path });
}

const field = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`);

/** The reason, with the way there in `place`; nothing if there is none in here. */
function find(value, extended, place, around) {
  const reason = reasonOf(value, extended);
  if (reason || typeof value !== "object" || value === null) return reason;
  if (extended && codec.takes(value)) return undefined;
  if (around.includes(value)) return "it is part of itself";
  if (around.length > DEPTH_MAX) return `it is nested more than ${DEPTH_MAX} levels deep`;
  around.push(value);
  const steps = Array.isArray(value) ? value.keys() : Object.keys(value);
  for (const step of steps) {
    place.push(step);
    if (typeof step === "string" && !step.isWellFormed())
      return "its name has half of a surrogate pair, which is no text";
    const within = find(value[step], extended, place, around);
    if (within) return within;
    place.pop();
  }
  around.pop();
  return undefined;
}

function reasonOf(value, extended) {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? undefined : "it has half of a surrogate pair, which is no text";
    case "number":
      return Number.isFinite(value) ? undefined : `JSON has no ${value}`;
    case "bigint":
      return exact.fits(value) ? undefined : "an integer is kept from -2^63 to 2^64-1 only";
    case "object":
      return value === null || Array.isArray(value) ? undefined : reasonOfObject(value, extended);
    case "boolean":
      return undefined;
    default:
      return `JSON has no ${typeof value}`;
  }
}

function reasonOfObject(object, extended) {
  if (isPlain(object)) {
    return Object.getOwnPropertySymbols(object).length > 0 ? "a symbol cannot be the name of a field" : undefined;
  }
  if (codec.takes(object)) {
    return extended
      ? codec.fault(object)
      : `JSON has no ${codec.takes(object)}; open the database with { codec: "extended" }, or store a text`;
  }
  const name = object.constructor?.name;
  return `it is ${name ? `a ${name}` : "no plain object"}, which would not come back as one; store a plain object`;
}

module.exports = { encode, decode, raw };
