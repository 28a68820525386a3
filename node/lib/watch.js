// Owns being told what is committed: as an async iterator that resumes, and as events. Never misses a change, and never has a
// commit wait.
"use strict";

const { request } = require("./calls.js");
const { rethrown, settled } = require("./errors.js");
const { flag, keyText, options, signal, whole } = require("./arguments.js");
const values = require("./values.js");

const KNOWN = ["since", "prefix", "collection", "before", "after", "signal"];

/** What a watcher wants, as the binary takes it; `of` is the collection that it is of, if it is of one. */
function watchOptions(given, of) {
  const said = options(given, of ? KNOWN.filter((name) => name !== "collection") : KNOWN);
  const { since, prefix, collection } = { ...said, ...of };
  return {
    native: {
      since: whole(since, "since"),
      prefix: prefix === undefined ? undefined : keyText(prefix),
      collection: collection === undefined || collection === null ? undefined : keyText(collection),
      inRoot: collection === null,
      before: flag(said.before, "before"),
      after: flag(said.after, "after"),
    },
    signal: signal(said.signal),
  };
}

class Watch {
  #native;
  #manner;
  #signal;
  #keepsAlive;
  #told = [];
  #at = 0;
  #sequence;
  #last = Promise.resolve();
  #abort = () => this.#close();

  constructor(native, manner, { signal, native: { since }, keepsAlive = true }) {
    this.#native = native;
    this.#manner = manner;
    this.#sequence = since;
    this.#keepsAlive = keepsAlive;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** The newest commit of which every change was told: where to go on by `since`. */
  get sequence() {
    return this.#sequence;
  }

  next() {
    const step = this.#last.then(() => this.#next());
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

  close() {
    this.#close();
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async [Symbol.asyncDispose]() {
    this.#close();
  }

  async #next() {
    if (this.#at >= this.#told.length && this.#native) await this.#listen();
    this.#signal?.throwIfAborted();
    if (this.#at >= this.#told.length) {
      this.#close();
      return { done: true, value: undefined };
    }
    const change = this.#change(this.#told[this.#at++]);
    if (change.endsCommit) this.#sequence = change.sequence;
    return { done: false, value: change };
  }

  async #listen() {
    this.#told = settled(await request((call) => this.#native.next(call), this.#keepsAlive)) ?? [];
    this.#at = 0;
  }

  #change([kind, sequence, time, collection, key, before, after, expiresAt, endsCommit]) {
    const value = (text) => (text === undefined ? undefined : values.decode(text, this.#manner));
    return {
      kind,
      key,
      collection,
      before: value(before),
      after: value(after),
      sequence,
      time: new Date(time),
      expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
      endsCommit,
    };
  }

  #close() {
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#native?.close();
    this.#native = undefined;
    this.#told = [];
    this.#at = 0;
  }
}

/** Tells the listeners of an emitter what is committed, for as long as it has any. */
class Listening {
  #emitter;
  #begin;
  #watch;

  constructor(emitter, begin) {
    this.#emitter = emitter;
    this.#begin = begin;
  }

  /** To be called when there is a new listener. It does not keep the process alive. */
  check(event) {
    if (event !== "change" || this.#watch) return;
    this.#watch = this.#begin();
    void this.#run(this.#watch);
  }

  end() {
    this.#watch?.close();
  }

  async #run(watch) {
    try {
      for await (const change of watch) {
        if (this.#emitter.listenerCount("change") === 0) break;
        this.#tell(change);
      }
    } catch (error) {
      this.#emitter.emit("error", rethrown(error));
    } finally {
      this.#watch = undefined;
    }
  }

  /** What one listener throws is an uncaught exception, as of any event, and keeps nothing from the others. */
  #tell(change) {
    for (const listener of this.#emitter.rawListeners("change")) {
      try {
        listener.call(this.#emitter, change);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }
}

function nothing() {}

module.exports = { Listening, Watch, watchOptions };
