// Owns going through what a scan reads, some at a time, as an async iterator. Never holds what it does not need: an iterator
// that has ended, however it has, lets go of its snapshot.
"use strict";

const { request } = require("./calls.js");
const { settled } = require("./errors.js");
const arguments_ = require("./arguments.js");
const values = require("./values.js");

/** So many are read first, since many who ask for some stop early, and at most. */
const FIRST = 32;
const MOST = 1024;

class Entries {
  #scan;
  #keysOnly;
  #manner;
  #signal;
  #read = [];
  #at = 0;
  #wanted = FIRST;
  /** What the last step has come to: the steps are taken one after the other. */
  #last = Promise.resolve();

  constructor(scan, keysOnly, manner, signal) {
    this.#signal = arguments_.signal(signal);
    this.#scan = scan;
    this.#keysOnly = keysOnly;
    this.#manner = manner;
  }

  next() {
    const step = this.#last.then(() => this.#next());
    // A step that fails ends the iterator, and its error is for who has asked for it.
    this.#last = step.then(nothing, nothing);
    return step;
  }

  return(value) {
    this.#close();
    return Promise.resolve({ done: true, value });
  }

  throw(error) {
    this.#close();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async [Symbol.asyncDispose]() {
    this.#close();
  }

  async #next() {
    try {
      this.#signal?.throwIfAborted();
      if (this.#at >= this.#read.length && this.#scan) await this.#readOn();
    } catch (error) {
      this.#close();
      throw error;
    }
    if (this.#at >= this.#read.length) {
      this.#close();
      return { done: true, value: undefined };
    }
    const key = this.#read[this.#at++];
    if (this.#keysOnly) return { done: false, value: key };
    return { done: false, value: [key, values.decode(this.#read[this.#at++], this.#manner)] };
  }

  async #readOn() {
    const [scan, wanted] = [this.#scan, this.#wanted];
    this.#wanted = Math.min(2 * wanted, MOST);
    this.#read = settled(await request((call) => scan.next(call, wanted)));
    this.#at = 0;
    this.#signal?.throwIfAborted();
  }

  #close() {
    this.#scan?.close();
    this.#scan = undefined;
    this.#read = [];
    this.#at = 0;
  }
}

function nothing() {}

module.exports = { Entries };
