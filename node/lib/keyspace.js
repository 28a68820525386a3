// Owns the calls about one collection: reads, writes, and being told of changes. Never blocks the event loop.
"use strict";

const { EventEmitter } = require("node:events");
const { inspect } = require("node:util");
const { request } = require("./calls.js");
const { invalid, rethrown, settled } = require("./errors.js");
const { callback, keyText, options, range, seconds, segments, whole } = require("./arguments.js");
const { reads, NATIVE, QUICK, MANNER, TEXTS, decoded, inTurns } = require("./reads.js");
const { Listening, Watch, watchOptions } = require("./watch.js");
const { transact } = require("./transact.js");
const { Transaction, TAKE_STEPS } = require("./transaction.js");
const sets = require("./sets.js");
const texts = require("./texts.js");
const values = require("./values.js");

/** What a collection is of: the database, and its name. */
const OWNER = Symbol("owner");
const NAME = Symbol("name");
/** Where a database keeps what the binary has of it as a whole, and how it begins a transaction. */
const NATIVE_DATABASE = Symbol("nativeDatabase");
const BEGIN = Symbol("begin");

class Keyspace extends reads(EventEmitter) {
  #listening;

  /** Not for callers: `db.collection(name)` makes one. */
  constructor(native, manner, name, keeping) {
    super();
    this[NATIVE] = native;
    this[QUICK] = native.quick();
    this[MANNER] = manner;
    this[TEXTS] = keeping ? new texts.Texts(keeping) : texts.nothing;
    this[NAME] = name;
    this.#listening = new Listening(this, () => this.#watch(undefined, false));
  }

  get name() {
    return this[NAME];
  }

  set(key, value) {
    try {
      const json = values.encode(value, this[MANNER].extended, keyText(key));
      return sets.takes(key) ? sets.set(this[NATIVE], key, json) : this.setRaw(key, json);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async setRaw(key, json) {
    if (typeof json !== "string") throw invalid("the JSON text is a string");
    const [name, text] = [keyText(key), keyText(json)];
    return settled(await request((call) => this[NATIVE].set(call, name, text)));
  }

  async setEx(key, value, lifetime) {
    const json = values.encode(value, this[MANNER].extended, keyText(key));
    const time = seconds(lifetime);
    return settled(await request((call) => this[NATIVE].setEx(call, key, json, time)));
  }

  async insert(key, value) {
    return this.#conditional((transaction) => transaction.ifAbsent(key).set(key, value));
  }

  async replace(key, value) {
    return this.#conditional((transaction) => transaction.ifExists(key).set(key, value));
  }

  async setIfVersion(key, value, version) {
    return this.#conditional((transaction) => transaction.ifVersion(key, version).set(key, value));
  }

  async deleteIfVersion(key, version) {
    const [name, of] = [keyText(key), whole(version, "the version")];
    if (of === undefined) throw invalid("deleteIfVersion needs a version");
    return settled(await request((call) => this[NATIVE].deleteIfVersion(call, name, of)));
  }

  async delete(key) {
    const name = keyText(key);
    return settled(await request((call) => this[NATIVE].delete(call, name)));
  }

  async take(key) {
    const name = keyText(key);
    return decoded(settled(await request((call) => this[NATIVE].take(call, name))), this[MANNER]);
  }

  async deletePrefix(prefix) {
    const name = keyText(prefix);
    return settled(await request((call) => this[NATIVE].deleteRange(call, { prefix: name })));
  }

  async deleteRange(given) {
    const { start, end } = options(given, ["start", "end"]);
    const wanted = range({ start, end });
    return settled(await request((call) => this[NATIVE].deleteRange(call, wanted)));
  }

  async clear() {
    return settled(await request((call) => this[NATIVE].deleteRange(call, {})));
  }

  async expire(key, lifetime) {
    const [name, time] = [keyText(key), seconds(lifetime)];
    return settled(await request((call) => this[NATIVE].expire(call, name, time)));
  }

  async persist(key) {
    const name = keyText(key);
    return settled(await request((call) => this[NATIVE].persist(call, name)));
  }

  async increment(key, by = 1, given) {
    const { field } = options(given, ["field"]);
    const [name, path] = [keyText(key), field === undefined ? undefined : segments(field)];
    if (!Number.isSafeInteger(by)) throw invalid("what is added is a whole number");
    const sum = settled(await request((call) => this[NATIVE].increment(call, name, by, path)));
    return values.decode(` ${sum}`, this[MANNER]);
  }

  async updateWith(key, update, given) {
    const [name, run] = [keyText(key), callback(update, "the update")];
    return transact(this[OWNER][BEGIN], this[MANNER], given, async (tx) => {
      const keys = this[NAME] === undefined ? tx : tx.collection(this[NAME]);
      const old = await keys.get(name);
      const value = await run(old);
      if (value !== undefined) await keys.update(name, value);
      else if (old !== undefined) await keys.delete(name);
      return value;
    });
  }

  async createIndex(field) {
    const path = segments(field);
    return settled(await request((call) => this[NATIVE].createIndex(call, path)));
  }

  async dropIndex(field) {
    const path = segments(field);
    return settled(await request((call) => this[NATIVE].dropIndex(call, path)));
  }

  async history(key, given) {
    const { limit } = options(given, ["limit"]);
    const [name, most] = [keyText(key), whole(limit, "limit") ?? Number.MAX_SAFE_INTEGER];
    const versions = settled(await request((call) => this[NATIVE].history(call, name, most)));
    return inTurns(versions, ([kind, version, time, text, expiresAt]) => ({
      kind,
      version,
      time: moment(time),
      value: decoded(text, this[MANNER]),
      expiresAt: moment(expiresAt),
    }));
  }

  watch(given) {
    return this.#watch(given, true);
  }

  on(event, listener) {
    super.on(event, listener);
    this.#listening.check(event);
    return this;
  }

  addListener(event, listener) {
    return this.on(event, listener);
  }

  prependListener(event, listener) {
    super.prependListener(event, listener);
    this.#listening.check(event);
    return this;
  }

  [inspect.custom]() {
    return `Collection(${JSON.stringify(this.name)} of ${this[OWNER]})`;
  }

  #watch(given, keepsAlive) {
    const wanted = watchOptions(given, this[NAME] === undefined ? undefined : { collection: this[NAME] });
    try {
      return new Watch(this[OWNER][NATIVE_DATABASE].watch(wanted.native), this[MANNER], { ...wanted, keepsAlive });
    } catch (error) {
      throw rethrown(error);
    }
  }

  async #conditional(make) {
    const started = new Transaction(this[MANNER]);
    const transaction = make(this[NAME] === undefined ? started : started.collection(this[NAME]));
    const { steps, texts, numbers } = transaction[TAKE_STEPS]();
    return settled(await request((call) => this[OWNER][NATIVE_DATABASE].commit(call, steps, texts, numbers)));
  }
}

const moment = (millis) => (millis === undefined ? undefined : new Date(millis));

module.exports = { Keyspace, OWNER, NAME, NATIVE_DATABASE, BEGIN };
