// Owns what the tests have in common: a folder that goes with the test, and databases that are closed with it.
"use strict";

const { mkdtemp, rm } = require("node:fs/promises");
const { tmpdir } = require("node:os");
const path = require("node:path");
const { FerrumDB } = require("ferrumdb");

/** A folder for one test. */
async function folder(t) {
  const place = await mkdtemp(path.join(tmpdir(), "ferrumdb-test-"));
  t.after(() => rm(place, { recursive: true, force: true, maxRetries: 10 }));
  return place;
}

/** A new database in a file, and the way to open it again. It is closed when the test ends. */
async function database(t, options) {
  const file = path.join(await folder(t), "test.db");
  return opened(t, file, options);
}

async function opened(t, file, options) {
  const db = await FerrumDB.open(file, options);
  t.after(() => db.close());
  return db;
}

/** Without syncs there are no marks of an idle database, which would be commits that no test has made. */
async function inMemory(t, options) {
  const db = await FerrumDB.openInMemory({ fsync: "never", ...options });
  t.after(() => db.close());
  return db;
}

/** What an async iterator gives. */
async function all(iterator) {
  const items = [];
  for await (const item of iterator) items.push(item);
  return items;
}

/** Waits until a condition holds: a test that needs this ends by its runner's limit if it never does. */
async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 2));
}

module.exports = { folder, database, opened, inMemory, all, until };
