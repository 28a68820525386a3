// Owns exports to files and imports from them, as lines of JSON. Never holds more than some lines, and never blocks the event
// loop.
"use strict";

const { createReadStream } = require("node:fs");
const { open, rm } = require("node:fs/promises");
const { createInterface } = require("node:readline");
const { Readable } = require("node:stream");
const { request } = require("./calls.js");
const { FerrumDBError, invalid, rethrown, settled } = require("./errors.js");
const { options, signal } = require("./arguments.js");
const { pathText } = require("./options.js");

/**
 * So many lines, or about so many characters, are one commit; and so many commits are under way at once. A commit is small, since
 * its lines are read on this thread, so that they are committed in their order.
 */
const LINES = 200;
const CHARACTERS = 1 << 16;
const COMMITS = 64;

/** Writes everything to a new file. */
async function exportTo(native, to, given) {
  const stop = signal(options(given, ["signal"]).signal);
  const path = pathText(to);
  const lines = begin(native);
  const file = await open(path, "wx").catch((cause) => {
    const code = cause.code === "EEXIST" ? "FERRUMDB_ALREADY_EXISTS" : "FERRUMDB_IO";
    throw new FerrumDBError({ code, message: `cannot export to ${path}: ${cause.message}`, path }, { cause });
  });
  try {
    for await (const text of chunks(lines, stop)) await file.write(text);
    await file.sync();
    await file.close();
  } catch (error) {
    await file.close().catch(() => {});
    await rm(path, { force: true });
    throw error;
  }
  return { sequence: lines.sequence, documents: lines.documents };
}

function begin(native) {
  try {
    return native.export();
  } catch (error) {
    throw rethrown(error);
  }
}

async function* chunks(lines, stop) {
  for (;;) {
    stop?.throwIfAborted();
    const text = settled(await request((call) => lines.next(call)));
    if (text === undefined) return;
    yield text;
  }
}

/** Sets what an export holds, in many commits, and creates its indexes. */
async function importFrom(db, native, from, given) {
  const stop = signal(options(given, ["signal"]).signal);
  const commits = new Commits(native);
  const input = inputOf(from);
  let first;
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      stop?.throwIfAborted();
      if (line.trim() === "") continue;
      if (first === undefined) first = head(line);
      else await commits.add(line);
    }
  } catch (error) {
    if (error !== input.errored || !isPath(from)) throw error;
    const message = `cannot import from ${input.path}: ${error.message}`;
    throw new FerrumDBError({ code: "FERRUMDB_IO", message, path: input.path }, { cause: error });
  } finally {
    // Nobody reads on, whatever has come of it.
    input.destroy();
  }
  if (first === undefined) throw broken("there is no line in it");
  await commits.end();
  if (commits.documents !== first.documents) {
    throw broken(`it was to have ${first.documents} documents, and has ${commits.documents}: it is not whole`);
  }
  await createIndexes(db, first.indexes);
  for (const { name, indexes } of first.collections) await createIndexes(db.collection(name), indexes);
  return { documents: commits.documents };
}

const isPath = (from) => typeof from === "string" || from instanceof URL;

/** A file, a stream, or anything that gives texts, as a stream. */
function inputOf(from) {
  const isSource = typeof from?.[Symbol.asyncIterator] === "function" || typeof from?.[Symbol.iterator] === "function";
  if (!isPath(from) && !isSource)
    throw invalid("importJson takes a path, a stream, or anything to iterate over that gives texts");
  if (isPath(from)) return createReadStream(pathText(from));
  return from instanceof Readable ? from : Readable.from(from);
}

function head(line) {
  try {
    const { ferrumdb_export: version, documents, indexes, collections } = JSON.parse(line);
    if (version === 1) return { documents, indexes, collections };
    if (version > 1) throw broken("a newer FerrumDB has made it; import it with that");
  } catch (error) {
    if (error instanceof FerrumDBError) throw error;
  }
  throw broken("its first line is not that of an export");
}

const broken = (why) =>
  new FerrumDBError({ code: "FERRUMDB_INVALID_JSON", message: `this is no export that can be imported: ${why}` });

async function createIndexes(keys, fields) {
  for (const field of fields) {
    await keys.createIndex(field).catch((error) => {
      if (error.code !== "FERRUMDB_INDEX_EXISTS") throw error;
    });
  }
}

/** Lines on their way into the database. */
class Commits {
  #native;
  #lines = [];
  #characters = 0;
  #underWay = [];
  documents = 0;

  constructor(native) {
    this.#native = native;
  }

  async add(line) {
    this.#lines.push(line);
    this.#characters += line.length;
    this.documents++;
    if (this.#lines.length >= LINES || this.#characters >= CHARACTERS) await this.#commit();
  }

  async end() {
    await this.#commit();
    while (this.#underWay.length > 0) settled(await this.#underWay.shift());
  }

  async #commit() {
    const lines = this.#lines;
    [this.#lines, this.#characters] = [[], 0];
    if (lines.length === 0) return;
    const commit = request((call) => this.#native.importLines(call, lines));
    // It is awaited later, and must not count as unhandled until then.
    commit.catch(() => {});
    this.#underWay.push(commit);
    if (this.#underWay.length >= COMMITS) settled(await this.#underWay.shift());
  }
}

module.exports = { exportTo, importFrom };
