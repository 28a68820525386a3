// Owns decimal numbers that others have stored, or that are to be stored for them: their text. Never calculates.
"use strict";

const { inspect } = require("node:util");
const { invalid } = require("./errors.js");
const { shown } = require("./arguments.js");

/** What every language that has such numbers takes for one. */
const TEXT = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|Infinity|s?NaN\d*)$/;

class Decimal {
  #text;

  constructor(text) {
    this.#text = String(text);
    if (!isDecimal(this.#text)) throw invalid(`a Decimal is made of the text of a number, not of ${shown(text)}`);
  }

  toString() {
    return this.#text;
  }

  toJSON() {
    return this.#text;
  }

  [inspect.custom]() {
    return `Decimal(${this.#text})`;
  }
}

const isDecimal = (text) => TEXT.test(text);

module.exports = { Decimal, isDecimal };
