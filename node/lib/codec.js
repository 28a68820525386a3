// Owns the codec "extended": how dates, buffers and decimals are written as JSON, as every language that has this codec does,
// and told from objects that only look so. Never used unless a database was opened with it.
"use strict";

const { Decimal, isDecimal } = require("./decimal.js");

/** What stands for something else is an object of one field, of one of these names. */
const DATE = "$date";
const BINARY = "$binary";
const DECIMAL = "$decimal";
/** An object that only looks so is the value of this. */
const LITERAL = "$literal";

const names = new Set([DATE, BINARY, DECIMAL, LITERAL]);

/** What an object is to this codec: its kind, if it is not a plain one that anybody takes. */
function takes(object) {
  if (object instanceof Date) return "Date";
  if (Buffer.isBuffer(object)) return "Buffer";
  if (object instanceof Uint8Array) return "Uint8Array";
  if (object instanceof Decimal) return "Decimal";
  return undefined;
}

/** Why it cannot be written, if it cannot. */
function fault(object) {
  return object instanceof Date && Number.isNaN(object.getTime()) ? "it is an invalid Date" : undefined;
}

/** The object that is written for one. */
function written(object) {
  if (object instanceof Escaped) return object.fields;
  if (object instanceof Date) return { [DATE]: object.toISOString() };
  if (object instanceof Decimal) return { [DECIMAL]: object.toString() };
  if (object instanceof Uint8Array) {
    return { [BINARY]: Buffer.from(object.buffer, object.byteOffset, object.byteLength).toString("base64") };
  }
  return looksSpecial(object) ? { [LITERAL]: new Escaped(object) } : object;
}

/** The value that was written, in place. */
function read(value) {
  if (typeof value !== "object" || value === null) return value;
  if (!Array.isArray(value) && looksSpecial(value)) return special(value);
  for (const step of Object.keys(value)) {
    const within = value[step];
    if (typeof within === "object" && within !== null) set(value, step, read(within));
  }
  return value;
}

/** What nobody has written by this codec stays as it is. */
function special(object) {
  const [name] = Object.keys(object);
  const inner = object[name];
  if (name === DATE && typeof inner === "string" && !Number.isNaN(Date.parse(inner))) return new Date(inner);
  if (name === BINARY && typeof inner === "string") return Buffer.from(inner, "base64");
  if (name === DECIMAL && typeof inner === "string" && isDecimal(inner)) return new Decimal(inner);
  const isEscaped = name === LITERAL && typeof inner === "object" && inner !== null && !Array.isArray(inner);
  const fields = isEscaped ? inner : object;
  for (const field of Object.keys(fields)) fields[field] = read(fields[field]);
  return fields;
}

/** Fields that are written as they are, though they look special. */
class Escaped {
  constructor(fields) {
    this.fields = fields;
  }
}

function looksSpecial(object) {
  const [name, ...others] = Object.keys(object);
  return others.length === 0 && names.has(name);
}

function set(object, name, value) {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}

module.exports = { takes, fault, written, read };
