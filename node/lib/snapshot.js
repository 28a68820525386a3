// Owns the database as it was at one moment, for as long as it is kept. Never writes.
"use strict";

const { inspect } = require("node:util");
const { keyText } = require("./arguments.js");
const { rethrown } = require("./errors.js");
const texts = require("./texts.js");
const { reads, NATIVE, QUICK, MANNER, TEXTS } = require("./reads.js");

class Snapshot extends reads(Object) {
  #stand;

  /** Not for callers: `db.snapshot()` makes one. */
  constructor(native, manner) {
    super();
    this[NATIVE] = native;
    this[QUICK] = native.quick();
    this[MANNER] = manner;
    this[TEXTS] = texts.nothing;
    this.#stand = native.stand();
  }

  /** The newest commit in it. */
  get sequence() {
    return this.#stand[0];
  }

  /** When it was taken. */
  get time() {
    return new Date(this.#stand[1]);
  }

  /** The same moment of another collection. It is closed by itself. */
  collection(name) {
    const text = keyText(name);
    try {
      return new Snapshot(this[NATIVE].inCollection(text), this[MANNER]);
    } catch (error) {
      throw rethrown(error);
    }
  }

  close() {
    this[NATIVE].closeSnapshot();
  }

  async [Symbol.asyncDispose]() {
    this.close();
  }

  [Symbol.dispose ?? Symbol.for("nodejs.dispose")]() {
    this.close();
  }

  [inspect.custom]() {
    return `Snapshot(commit ${this.sequence})`;
  }
}

module.exports = { Snapshot };
