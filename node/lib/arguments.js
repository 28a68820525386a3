// Owns what callers may give as keys, fields, times and bounds, and says what is wrong with anything else. Never looks into a
// document.
"use strict";

const { invalid } = require("./errors.js");

const shown = (value) =>
  typeof value === "string" ? JSON.stringify(value) : String(value?.constructor?.name ?? value);

function keyText(key) {
  if (typeof key !== "string") throw invalid(`a key is a string, not ${shown(key)}`);
  if (!key.isWellFormed()) throw invalid(`a key is a text, and ${JSON.stringify(key)} has half of a surrogate pair`);
  return key;
}

function keyTexts(keys) {
  if (typeof keys === "string" || typeof keys?.[Symbol.iterator] !== "function") {
    throw invalid(`keys are a list of strings, not ${shown(keys)}`);
  }
  return Array.from(keys, keyText);
}

/** The segments of a field's path: a dotted text, or a list. */
function segments(field) {
  if (typeof field === "string") return keyText(field).split(".");
  if (Array.isArray(field)) return field.map(keyText);
  throw invalid(`a field is a string, as "address.city", or a list of strings, not ${shown(field)}`);
}

function seconds(value, name = "the lifetime") {
  if (typeof value !== "number" || !(value >= 0)) {
    throw invalid(`${name} is a number of seconds, not ${typeof value === "number" ? value : shown(value)}`);
  }
  return value;
}

/** A whole number that is not negative, or what stands for none. */
function whole(value, name, otherwise) {
  if (value === undefined) return otherwise;
  if (value === Infinity && otherwise === undefined) return undefined;
  if (!Number.isSafeInteger(value) || value < 0)
    throw invalid(`${name} is a whole number from 0 on, not ${shown(value)}`);
  return value;
}

function flag(value, name) {
  if (value !== undefined && typeof value !== "boolean") throw invalid(`${name} is true or false, not ${shown(value)}`);
  return value;
}

function callback(value, name) {
  if (typeof value !== "function") throw invalid(`${name} is a function, not ${shown(value)}`);
  return value;
}

/** The options of a call, of which all must be known. */
function options(given, known) {
  if (given === undefined) return {};
  if (typeof given !== "object" || given === null) throw invalid(`options are an object, not ${shown(given)}`);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalid(`there is no option ${JSON.stringify(unknown)}; there are ${known.join(", ")}`);
  return given;
}

const RANGE = ["prefix", "start", "end", "after", "reverse", "limit"];

/** The bounds and the manner of a scan, as the binary takes them. */
function range(given, more = []) {
  const { prefix, start, end, after, reverse, limit } = options(given, [...RANGE, ...more]);
  const text = (value) => (value === undefined ? undefined : keyText(value));
  return {
    prefix: text(prefix),
    start: text(start),
    end: text(end),
    after: text(after),
    reverse: flag(reverse, "reverse"),
    limit: whole(limit, "limit"),
  };
}

/** A signal, if there is one: it throws if it has been aborted. */
function signal(given) {
  if (given === undefined) return undefined;
  if (!(given instanceof AbortSignal)) throw invalid(`signal is an AbortSignal, not ${shown(given)}`);
  given.throwIfAborted();
  return given;
}

module.exports = { keyText, keyTexts, segments, seconds, whole, flag, callback, options, range, signal, shown };
