// Owns the reads that a live collection and a snapshot have in common. Never waits for a disk on this thread, except in the
// calls that end with `Sync`.
"use strict";

const { request } = require("./calls.js");
const { invalid, rethrown, settled } = require("./errors.js");
const { flag, keyText, keyTexts, options, range, segments, whole } = require("./arguments.js");
const { Entries } = require("./entries.js");
const values = require("./values.js");

/** Where an object keeps what the binary has of it, and how it reads and writes values. */
const NATIVE = Symbol("native");
const QUICK = Symbol("quick");
const MANNER = Symbol("manner");
const ENTRIES = Symbol("entries");
const GET_COLD = Symbol("getCold");
const TEXT = Symbol("text");
/** Where it keeps texts that were read of late. */
const TEXTS = Symbol("texts");

/** So many keys are looked for at once without leaving this thread. */
const MANY = 256;

const reads = (Base) =>
  class extends Base {
    /** Not an async function: to begin one takes longer than to look a key up. */
    get(key) {
      try {
        const kept = this[TEXTS].find(key);
        if (kept !== undefined) return Promise.resolve(values.decode(kept, this[MANNER]));
        const known = this[QUICK].getCached(keyText(key));
        if (typeof known === "string") {
          this[TEXTS].keep(key, known);
          return Promise.resolve(values.decode(known, this[MANNER]));
        }
        return known === undefined ? Promise.resolve() : this[GET_COLD](key);
      } catch (error) {
        return Promise.reject(rethrown(error));
      }
    }

    /** May wait for a disk. */
    [TEXT](key) {
      const kept = this[TEXTS].find(key);
      if (kept !== undefined) return kept;
      const text = this[QUICK].getSync(keyText(key));
      if (text !== undefined) this[TEXTS].keep(key, text);
      return text;
    }

    async [GET_COLD](key) {
      return decoded(settled(await request((call) => this[NATIVE].get(call, key))), this[MANNER]);
    }

    getSync(key) {
      try {
        return decoded(this[TEXT](key), this[MANNER]);
      } catch (error) {
        throw rethrown(error);
      }
    }

    async getRaw(key) {
      let text;
      try {
        text = this[TEXTS].find(key) ?? this[QUICK].getCached(keyText(key));
      } catch (error) {
        throw rethrown(error);
      }
      if (text === null) text = settled(await request((call) => this[NATIVE].get(call, key)));
      return text === undefined ? undefined : values.raw(text);
    }

    getRawSync(key) {
      try {
        const text = this[TEXT](key);
        return text === undefined ? undefined : values.raw(text);
      } catch (error) {
        throw rethrown(error);
      }
    }

    async getWithVersion(key) {
      const text = keyText(key);
      const found = settled(await request((call) => this[NATIVE].getVersioned(call, text)));
      return found && { value: values.decode(found[0], this[MANNER]), version: found[1] };
    }

    async getMany(keys) {
      const texts = keyTexts(keys);
      let found = null;
      try {
        if (texts.length <= MANY) found = this[NATIVE].getManyCached(texts);
      } catch (error) {
        throw rethrown(error);
      }
      found ??= settled(await request((call) => this[NATIVE].getMany(call, texts)));
      return decodedAll(found, this[MANNER]);
    }

    async exists(key) {
      return this.hasSync(key);
    }

    hasSync(key) {
      try {
        return this[QUICK].has(keyText(key));
      } catch (error) {
        throw rethrown(error);
      }
    }

    async existsMany(keys) {
      const texts = keyTexts(keys);
      return settled(await request((call) => this[NATIVE].hasMany(call, texts)));
    }

    async ttl(key) {
      try {
        return this[NATIVE].ttl(keyText(key)) ?? undefined;
      } catch (error) {
        throw rethrown(error);
      }
    }

    async count(given) {
      const bounds = given === undefined ? undefined : range(given);
      try {
        if (bounds === undefined) return this[NATIVE].count();
      } catch (error) {
        throw rethrown(error);
      }
      return settled(await request((call) => this[NATIVE].countRange(call, bounds)));
    }

    async keys(given) {
      if (given === undefined) return settled(await request((call) => this[NATIVE].keys(call)));
      const keys = [];
      for await (const key of this.iterateKeys(given)) keys.push(key);
      return keys;
    }

    async keysWithPrefix(prefix) {
      return this.keys({ prefix: keyText(prefix) });
    }

    entries(given) {
      return this[ENTRIES](given, false);
    }

    iterateKeys(given) {
      return this[ENTRIES](given, true);
    }

    [ENTRIES](given, keysOnly) {
      const { signal } = given ?? {};
      const wanted = { ...range(given, ["signal"]), keysOnly };
      try {
        return new Entries(this[NATIVE].scan(wanted), keysOnly, this[MANNER], signal);
      } catch (error) {
        throw rethrown(error);
      }
    }

    async find(field, value, given) {
      const { exact } = options(given, ["exact"]);
      const [path, json] = [segments(field), sought(value, flag(exact, "exact"), this[MANNER])];
      return settled(await request((call) => this[NATIVE].find(call, path, json, false)));
    }

    async findEntries(field, value, given) {
      const { exact } = options(given, ["exact"]);
      const [path, json] = [segments(field), sought(value, flag(exact, "exact"), this[MANNER])];
      return pairs(settled(await request((call) => this[NATIVE].find(call, path, json, true))), this[MANNER]);
    }

    async findRange(field, given) {
      const [path, wanted] = [segments(field), fieldRange(given, this[MANNER])];
      return settled(await request((call) => this[NATIVE].findRange(call, path, wanted)));
    }

    async findRangeEntries(field, given) {
      const [path, wanted] = [segments(field), { ...fieldRange(given, this[MANNER]), withDocuments: true }];
      return pairs(settled(await request((call) => this[NATIVE].findRange(call, path, wanted))), this[MANNER]);
    }

    async indexes() {
      try {
        return JSON.parse(this[NATIVE].indexes());
      } catch (error) {
        throw rethrown(error);
      }
    }
  };

const decoded = (text, manner) => (text === undefined ? undefined : values.decode(text, manner));

/** What `make` makes of each: some in this turn of the event loop, and some in each of the next. */
async function inTurns(all, make) {
  const made = [];
  for (const each of all) {
    if (made.length > 0 && made.length % MANY === 0) await turn();
    made.push(make(each));
  }
  return made;
}

const decodedAll = (texts, manner) => inTurns(texts, (text) => decoded(text, manner));

/** Pairs of what comes in turn, as slowly. */
async function pairs(flat, manner) {
  const found = [];
  for (let at = 0; at < flat.length; at += 2) {
    if (found.length > 0 && found.length % MANY === 0) await turn();
    found.push([flat[at], values.decode(flat[at + 1], manner)]);
  }
  return found;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What to search for. A string that is a quoted string of JSON stands for that one, unless it is to be taken as it is. */
function sought(value, exact, manner) {
  if (!exact && typeof value === "string" && value.length > 1 && value.startsWith('"') && value.endsWith('"')) {
    try {
      return values.encode(JSON.parse(value), manner.extended);
    } catch {
      // It only looks so.
    }
  }
  return values.encode(value, manner.extended);
}

const FIELD_RANGE = ["gt", "gte", "lt", "lte", "reverse", "limit"];

/** Which values of a field, and how, as the binary takes it. */
function fieldRange(given, manner) {
  const said = options(given, FIELD_RANGE);
  if (said.gt !== undefined && said.gte !== undefined) throw invalid("gt and gte exclude each other");
  if (said.lt !== undefined && said.lte !== undefined) throw invalid("lt and lte exclude each other");
  const bound = (value) => (value === undefined ? undefined : values.encode(value, manner.extended));
  return {
    gt: bound(said.gt),
    gte: bound(said.gte),
    lt: bound(said.lt),
    lte: bound(said.lte),
    reverse: flag(said.reverse, "reverse"),
    limit: whole(said.limit, "limit"),
  };
}

module.exports = { reads, NATIVE, QUICK, MANNER, TEXTS, fieldRange, sought, pairs, decoded, decodedAll, inTurns };
