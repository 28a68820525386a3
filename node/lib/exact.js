// Owns reading and writing JSON where `JSON.parse` and `JSON.stringify` would change a number: integers beyond 2^53, and
// minus zero. Never reads what is not stored JSON, which is valid and not nested too deep.
"use strict";

const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 64n - 1n;

/** A number, and what makes it none of the integers that are kept exactly. */
const NUMBER = /-?\d+((?:\.\d+)?(?:[eE][+-]?\d+)?)/y;

/** Whether an integer can be stored. */
const fits = (integer) => INTEGER_MIN <= integer && integer <= INTEGER_MAX;

/** Whether `JSON.stringify` writes a number so that it comes back: it makes an integer of each that has no fraction. */
const isPlain = (number) => (Number.isInteger(number) ? Number.isSafeInteger(number) && !Object.is(number, -0) : true);

/** The JSON of a value that can be stored; `replace` makes another value of an object, or gives the same. */
function stringify(value, replace = (object) => object) {
  switch (typeof value) {
    case "bigint":
      return value.toString();
    case "number":
      if (isPlain(value)) return JSON.stringify(value);
      return value === 0 ? "-0" : value.toExponential();
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return `[${value.map((item) => stringify(item, replace)).join(",")}]`;
      const object = replace(value);
      const fields = Object.keys(object).map((name) => `${JSON.stringify(name)}:${stringify(object[name], replace)}`);
      return `{${fields.join(",")}}`;
    }
    default:
      return JSON.stringify(value);
  }
}

/** The value of a stored JSON text, from a place on. Integers that a number does not hold exactly are BigInts. */
function parse(text, from = 0) {
  return new Reader(text, from).value();
}

class Reader {
  constructor(text, from) {
    this.text = text;
    this.at = from;
  }

  value() {
    switch (this.text[this.at]) {
      case "{":
        return this.object();
      case "[":
        return this.array();
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  object() {
    const object = {};
    this.at++;
    while (this.text[this.at] !== "}") {
      const name = this.string();
      this.at++;
      const value = this.value();
      // This name is data, and an assignment would make it something else.
      if (name === "__proto__") {
        Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
      } else object[name] = value;
      if (this.text[this.at] === ",") this.at++;
    }
    this.at++;
    return object;
  }

  array() {
    const array = [];
    this.at++;
    while (this.text[this.at] !== "]") {
      array.push(this.value());
      if (this.text[this.at] === ",") this.at++;
    }
    this.at++;
    return array;
  }

  string() {
    const start = this.at;
    do {
      this.at = this.text.indexOf('"', this.at + 1);
    } while (this.isEscaped(this.at));
    this.at++;
    return JSON.parse(this.text.slice(start, this.at));
  }

  /** Whether an odd number of backslashes stands before. */
  isEscaped(at) {
    let before = at;
    while (this.text[before - 1] === "\\") before--;
    return (at - before) % 2 === 1;
  }

  word(word, value) {
    this.at += word.length;
    return value;
  }

  number() {
    NUMBER.lastIndex = this.at;
    const [spelled, rest] = NUMBER.exec(this.text);
    this.at += spelled.length;
    const number = Number(spelled);
    return rest !== "" || Number.isSafeInteger(number) ? number : BigInt(spelled);
  }
}

module.exports = { fits, isPlain, stringify, parse };
