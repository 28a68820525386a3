// Owns what one commit is to change, written down step by step, and given to the binary in one call. Never looks at a
// database.
"use strict";

const { invalid } = require("./errors.js");
const { keyText, seconds, whole } = require("./arguments.js");
const values = require("./values.js");

/** In the order that the binary knows. */
const steps = [
  "inRoot",
  "inCollection",
  "set",
  "setEx",
  "delete",
  "expire",
  "persist",
  "ifVersion",
  "ifAbsent",
  "ifExists",
  "dropCollection",
];
const STEP = Object.fromEntries(steps.map((name, number) => [name, number]));

const TAKE_STEPS = Symbol("takeSteps");

class Transaction {
  #steps = [];
  #texts = [];
  #numbers = [];
  #manner;

  /** With the same `codec` as the database, if that has one. */
  constructor(manner = {}) {
    this.#manner = "extended" in manner ? manner : { extended: manner.codec === "extended" };
  }

  /** Of operations; conditions are none. */
  get length() {
    return this.#steps.filter((step) => step >= STEP.set && !(step >= STEP.ifVersion && step <= STEP.ifExists)).length;
  }

  collection(name) {
    return this.#add(STEP.inCollection, [keyText(name)]);
  }

  root() {
    return this.#add(STEP.inRoot, []);
  }

  set(key, value) {
    return this.#add(STEP.set, [keyText(key), values.encode(value, this.#manner.extended, key)]);
  }

  setEx(key, value, lifetime) {
    this.#numbers.push(seconds(lifetime));
    return this.#add(STEP.setEx, [keyText(key), values.encode(value, this.#manner.extended, key)]);
  }

  delete(key) {
    return this.#add(STEP.delete, [keyText(key)]);
  }

  expire(key, lifetime) {
    this.#numbers.push(seconds(lifetime));
    return this.#add(STEP.expire, [keyText(key)]);
  }

  persist(key) {
    return this.#add(STEP.persist, [keyText(key)]);
  }

  ifVersion(key, version) {
    const number = whole(version, "the version");
    if (number === undefined) throw invalid("ifVersion needs a version");
    this.#numbers.push(number);
    return this.#add(STEP.ifVersion, [keyText(key)]);
  }

  ifAbsent(key) {
    return this.#add(STEP.ifAbsent, [keyText(key)]);
  }

  ifExists(key) {
    return this.#add(STEP.ifExists, [keyText(key)]);
  }

  dropCollection(name) {
    return this.#add(STEP.dropCollection, [keyText(name)]);
  }

  [TAKE_STEPS]() {
    return { steps: Uint8Array.from(this.#steps), texts: this.#texts, numbers: Float64Array.from(this.#numbers) };
  }

  #add(step, texts) {
    this.#steps.push(step);
    this.#texts.push(...texts);
    return this;
  }
}

module.exports = { Transaction, TAKE_STEPS };
