// Owns the handle of an open database: opening, closing, and what concerns all of it. Never does what a collection does: it
// is its own root collection.
"use strict";

const { inspect } = require("node:util");
const { callback, flag, keyText, options, signal, whole } = require("./arguments.js");
const { loop, request } = require("./calls.js");
const { invalid, rethrown, settled } = require("./errors.js");
const { Keyspace, OWNER, NATIVE_DATABASE, BEGIN } = require("./keyspace.js");
const { opening, manner, pathText } = require("./options.js");
const { MANNER } = require("./reads.js");
const { Snapshot } = require("./snapshot.js");
const { Studio } = require("./studio.js");
const { Keeping } = require("./texts.js");
const { Transaction, TAKE_STEPS } = require("./transaction.js");
const { transact } = require("./transact.js");
const { exportTo, importFrom } = require("./transfer.js");

class FerrumDB extends Keyspace {
  #closing;
  #keeping;
  #studios = new Set();

  static async open(path, given) {
    const { native, manner } = opening(path, given);
    return new this(settled(await request((call) => loop.open(call, native))), manner, native.cacheBytes);
  }

  static async openInMemory(given) {
    const how = manner(given);
    return new this(settled(await request((call) => loop.openInMemory(call))), how);
  }

  /** Not for callers: `FerrumDB.open(path)` makes one. */
  constructor(native, manner, cacheBytes) {
    if (typeof native?.root !== "function") throw invalid("a database is opened by `await FerrumDB.open(path)`");
    const buffers = cacheBytes === 0 ? undefined : native.keepTexts();
    const keeping = buffers && new Keeping(buffers, cacheBytes);
    super(native.root(), manner, undefined, keeping);
    this.#keeping = keeping;
    this[NATIVE_DATABASE] = native;
    this[OWNER] = this;
    this[BEGIN] = (expectsRanges) => {
      try {
        const begun = native.begin();
        if (expectsRanges) begun.expectRanges();
        return begun;
      } catch (error) {
        throw rethrown(error);
      }
    };
  }

  get path() {
    return this.#now((native) => native.path());
  }

  get closed() {
    return this[NATIVE_DATABASE].isClosed();
  }

  async commit(transaction) {
    if (!(transaction instanceof Transaction)) throw invalid("commit takes a Transaction");
    const { steps, texts, numbers } = transaction[TAKE_STEPS]();
    return settled(await request((call) => this[NATIVE_DATABASE].commit(call, steps, texts, numbers)));
  }

  async transact(run, given) {
    return transact(this[BEGIN], this[MANNER], given, callback(run, "the transaction"));
  }

  collection(name) {
    const text = keyText(name);
    const keys = this.#now((native) => new Keyspace(native.collection(text), this[MANNER], text, this.#keeping));
    keys[OWNER] = this;
    return keys;
  }

  async collections() {
    return JSON.parse(this.#now((native) => native.collections()));
  }

  async dropCollection(name) {
    const text = keyText(name);
    return settled(await request((call) => this[NATIVE_DATABASE].dropCollection(call, text)));
  }

  snapshot() {
    return this.#now((native) => new Snapshot(native.snapshot(), this[MANNER]));
  }

  /** The database as it was after a commit, or at a time. */
  async at(moment) {
    const isTime = moment instanceof Date;
    const number = whole(isTime ? moment.getTime() : moment, isTime ? "the time" : "the sequence");
    if (number === undefined) throw invalid("at takes the number of a commit, or a Date");
    const look = (call) => this[NATIVE_DATABASE].at(call, isTime ? undefined : number, isTime ? number : undefined);
    return new Snapshot(settled(await request(look)), this[MANNER]);
  }

  async sync() {
    return settled(await request((call) => this[NATIVE_DATABASE].sync(call)));
  }

  async rekey(given) {
    const { encryptionKey, passphrase } = options(given, ["encryptionKey", "passphrase"]);
    if ((encryptionKey === undefined) === (passphrase === undefined)) {
      throw invalid("rekey takes { encryptionKey } or { passphrase }");
    }
    return settled(await request((call) => this[NATIVE_DATABASE].rekey(call, encryptionKey, passphrase)));
  }

  async compact(given) {
    const stop = signal(options(given, ["signal"]).signal);
    const cancel = () => void request((call) => this[NATIVE_DATABASE].cancelCompaction(call)).catch(() => {});
    stop?.addEventListener("abort", cancel, { once: true });
    try {
      const report = settled(await request((call) => this[NATIVE_DATABASE].compact(call)));
      return JSON.parse(report);
    } catch (error) {
      stop?.throwIfAborted();
      throw error;
    } finally {
      stop?.removeEventListener("abort", cancel);
    }
  }

  async backup(path, given) {
    const { since } = options(given, ["since"]);
    const [to, from] = [pathText(path), whole(since, "since")];
    const report = JSON.parse(settled(await request((call) => this[NATIVE_DATABASE].backup(call, to, from))));
    return { ...report, since: report.since ?? undefined };
  }

  async verify() {
    return JSON.parse(settled(await request((call) => this[NATIVE_DATABASE].verify(call))));
  }

  async stats() {
    const stats = JSON.parse(settled(await request((call) => this[NATIVE_DATABASE].stats(call))));
    const answered = this.#keeping?.answered ?? 0;
    stats.metrics.gets += answered;
    stats.metrics.cacheHits += answered;
    return stats;
  }

  async lag() {
    return JSON.parse(settled(await request((call) => this[NATIVE_DATABASE].lag(call))));
  }

  exportJson(to, given) {
    return exportTo(this[NATIVE_DATABASE], to, given);
  }

  importJson(from, given) {
    return importFrom(this, this[NATIVE_DATABASE], from, given);
  }

  async startStudio(port = 7474, given) {
    const { writes } = options(given, ["writes"]);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw invalid("a port is a number from 0 to 65535");
    const mayWrite = flag(writes, "writes") === true;
    const server = settled(await request((call) => this[NATIVE_DATABASE].startStudio(call, port, mayWrite)));
    const studio = new Studio(server, () => this.#studios.delete(studio));
    this.#studios.add(studio);
    return studio;
  }

  /** A second call gives the same answer. */
  close() {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  [inspect.custom]() {
    return `${this}`;
  }

  toString() {
    return this.closed ? "FerrumDB(closed)" : `FerrumDB(${JSON.stringify(this.path)})`;
  }

  async #close() {
    await Promise.all(Array.from(this.#studios, (studio) => studio.stop()));
    this.#keeping?.end();
    settled(await request((call) => this[NATIVE_DATABASE].close(call)));
    this.emit("close");
  }

  #now(ask) {
    try {
      return ask(this[NATIVE_DATABASE]);
    } catch (error) {
      throw rethrown(error);
    }
  }
}

module.exports = { FerrumDB };
