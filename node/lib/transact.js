// Owns running a transaction until it commits, and what its function sees of it. Never runs two of its steps at once.
"use strict";

const { request } = require("./calls.js");
const { FerrumDBError, invalid, rethrown, settled } = require("./errors.js");
const { callback, flag, keyText, keyTexts, options, range, seconds, segments, whole } = require("./arguments.js");
const { fieldRange, sought, pairs, decoded, decodedAll } = require("./reads.js");
const values = require("./values.js");

/** So often a transaction is run at most, unless it is said otherwise. */
const ATTEMPTS = 100;

/** One attempt: the binary's transaction, and its steps one after the other. */
class Attempt {
  #native;
  #last = Promise.resolve();
  hasReadRanges = false;

  constructor(native) {
    this.#native = native;
  }

  /** Takes a step when those before have been taken. */
  step(take) {
    const step = this.#last.then(() => take(this.#native));
    this.#last = step.then(nothing, nothing);
    return step;
  }

  /** What was asked for and not awaited is taken first. */
  async commit() {
    await this.#last;
    return settled(await request((call) => this.#native.commit(call)));
  }

  end() {
    this.#native.end();
  }
}

function nothing() {}

/** What the function sees: the keys of one collection, as of one moment, with what it has written itself. */
class OpenTransaction {
  #attempt;
  #manner;
  #name;

  constructor(attempt, manner, name) {
    this.#attempt = attempt;
    this.#manner = manner;
    this.#name = name;
  }

  collection(name) {
    return new OpenTransaction(this.#attempt, this.#manner, keyText(name));
  }

  async get(key) {
    const name = keyText(key);
    return decoded(await this.#ask((native, call) => native.get(call, this.#name, name)), this.#manner);
  }

  async getMany(keys) {
    const names = keyTexts(keys);
    const found = await this.#ask((native, call) => native.getMany(call, this.#name, names));
    return decodedAll(found, this.#manner);
  }

  async exists(key) {
    const name = keyText(key);
    return this.#take((native) => native.has(this.#name, name));
  }

  async ttl(key) {
    const name = keyText(key);
    return (await this.#take((native) => native.ttl(this.#name, name))) ?? undefined;
  }

  async count() {
    this.#attempt.hasReadRanges = true;
    return this.#take((native) => native.count(this.#name));
  }

  async entries(given) {
    const wanted = range(given);
    if (wanted.after !== undefined) throw invalid("in a transaction a range has no after: begin at that key");
    this.#attempt.hasReadRanges = true;
    return pairs(await this.#ask((native, call) => native.range(call, this.#name, wanted)), this.#manner);
  }

  async keys(given) {
    const wanted = { ...range(given), keysOnly: true };
    if (wanted.after !== undefined) throw invalid("in a transaction a range has no after: begin at that key");
    this.#attempt.hasReadRanges = true;
    return this.#ask((native, call) => native.range(call, this.#name, wanted));
  }

  async find(field, value, given) {
    return this.#find(field, value, given, false);
  }

  async findEntries(field, value, given) {
    return pairs(await this.#find(field, value, given, true), this.#manner);
  }

  /** In the order of the field's values, as outside of a transaction. */
  async findRange(field, given) {
    return this.#findRange(field, given, false);
  }

  async findRangeEntries(field, given) {
    return pairs(await this.#findRange(field, given, true), this.#manner);
  }

  async set(key, value) {
    return this.#write(key, value, undefined, false);
  }

  async setEx(key, value, lifetime) {
    return this.#write(key, value, seconds(lifetime), false);
  }

  /** As `set`, and what was to expire still does. */
  async update(key, value) {
    return this.#write(key, value, undefined, true);
  }

  async delete(key) {
    const name = keyText(key);
    return this.#take((native) => native.delete(this.#name, name));
  }

  async expire(key, lifetime) {
    const [name, time] = [keyText(key), seconds(lifetime)];
    return this.#take((native) => native.expire(this.#name, name, time));
  }

  async persist(key) {
    const name = keyText(key);
    return this.#take((native) => native.expire(this.#name, name, undefined));
  }

  #find(field, value, given, withDocuments) {
    const { exact } = options(given, ["exact"]);
    const [path, json] = [segments(field), sought(value, flag(exact, "exact"), this.#manner)];
    this.#attempt.hasReadRanges = true;
    return this.#ask((native, call) => native.find(call, this.#name, path, json, withDocuments));
  }

  #findRange(field, given, withDocuments) {
    const [path, wanted] = [segments(field), { ...fieldRange(given, this.#manner), withDocuments }];
    this.#attempt.hasReadRanges = true;
    return this.#ask((native, call) => native.findRange(call, this.#name, path, wanted));
  }

  #write(key, value, lifetime, keep) {
    const json = values.encode(value, this.#manner.extended, keyText(key));
    return this.#take((native) => native.set(this.#name, key, json, lifetime, keep));
  }

  /** A step that is taken on this thread. */
  async #take(step) {
    try {
      return await this.#attempt.step(step);
    } catch (error) {
      throw rethrown(error);
    }
  }

  /** A step that may wait for a disk. */
  async #ask(ask) {
    return settled(await this.#attempt.step((native) => request((call) => ask(native, call))));
  }
}

/** Runs `run` until it commits; `begin` gives the binary's transaction. */
async function transact(begin, manner, given, run) {
  const { attempts } = options(given, ["attempts"]);
  const most = Math.max(1, whole(attempts, "attempts") ?? ATTEMPTS);
  callback(run, "the transaction");
  let expectsRanges = false;
  for (let number = 1; ; number++) {
    const attempt = new Attempt(begin(expectsRanges));
    try {
      const value = await run(new OpenTransaction(attempt, manner));
      await attempt.commit();
      return value;
    } catch (error) {
      const isConflict = error instanceof FerrumDBError && error.code === "FERRUMDB_CONFLICT";
      if (!isConflict) throw error;
      if (number >= most) throw Object.assign(error, { attempts: number });
      expectsRanges = attempt.hasReadRanges;
    } finally {
      attempt.end();
    }
    await pause(number);
  }
}

/** Lets others commit for a while: of many that all come back at once, one commits and the others have worked for nothing. */
function pause(attempts) {
  if (attempts <= 2) return undefined;
  return new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(attempts, 16)));
}

module.exports = { transact };
