// Owns the proof that snapshots and past states stay as they were.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { all, database, inMemory, until } = require("./support.js");

test("a snapshot stays as it was, in all that it reads", async (t) => {
  const db = await inMemory(t);
  await db.createIndex("v");
  await db.set("a", { v: 1 });
  await db.setEx("b", { v: 2 }, 1000);
  await db.collection("others").set("c", 3);
  const snapshot = db.snapshot();
  await db.clear();
  await db.dropCollection("others");
  assert.deepStrictEqual(snapshot.getSync("a"), { v: 1 });
  assert.deepStrictEqual(await snapshot.get("b"), { v: 2 });
  assert.deepStrictEqual(await snapshot.getMany(["b", "a", "c"]), [{ v: 2 }, { v: 1 }, undefined]);
  assert.deepStrictEqual([await snapshot.exists("a"), snapshot.hasSync("c")], [true, false]);
  assert.deepStrictEqual(await snapshot.existsMany(["a", "c"]), [true, false]);
  assert.deepStrictEqual(await snapshot.find("v", 2), ["b"]);
  assert.deepStrictEqual(await snapshot.findRange("v"), ["a", "b"]);
  assert.deepStrictEqual((await all(snapshot.entries({ reverse: true })))[0], ["b", { v: 2 }]);
  assert.deepStrictEqual([await snapshot.count(), await db.count()], [2, 0]);
  assert.ok((await snapshot.ttl("b")) <= 1000);
  assert.equal(await snapshot.collection("others").get("c"), 3);
  assert.equal((await snapshot.getWithVersion("a")).version, snapshot.sequence - 2);
  assert.ok(snapshot.time instanceof Date);
});

test("a snapshot that is closed holds nothing, and says so", async (t) => {
  const db = await inMemory(t);
  await db.set("a", 1);
  const snapshot = db.snapshot();
  await db.set("a", 2);
  assert.equal((await db.stats()).snapshots, 1);
  snapshot.close();
  snapshot.close();
  await until(async () => (await db.stats()).snapshots === 0);
  await assert.rejects(snapshot.get("a"), { code: "FERRUMDB_CLOSED" });
  assert.throws(() => snapshot.getSync("a"), { code: "FERRUMDB_CLOSED" });
  assert.throws(() => snapshot.entries(), { code: "FERRUMDB_CLOSED" });
  const disposed = db.snapshot();
  await disposed[Symbol.asyncDispose]();
  await assert.rejects(disposed.count(), { code: "FERRUMDB_CLOSED" });
});

test("a snapshot answers after its database was closed", async (t) => {
  const db = await database(t);
  await db.set("a", 1);
  const snapshot = db.snapshot();
  await db.close();
  assert.deepStrictEqual([snapshot.getSync("a"), await snapshot.get("a")], [1, 1]);
  snapshot.close();
  assert.throws(() => db.snapshot(), { code: "FERRUMDB_CLOSED" });
});

test("the past can be looked at by commit and by time", async (t) => {
  const db = await database(t, { keepHistory: { versions: 10 } });
  const then = await db.set("balance", 100);
  const [{ time }] = await db.history("balance");
  await until(() => Date.now() > time.getTime());
  await db.set("balance", 50);
  const past = await db.at(then);
  assert.deepStrictEqual([await past.get("balance"), past.sequence], [100, then]);
  assert.equal(await (await db.at(time)).get("balance"), 100);
  assert.equal(await (await db.at(0)).count(), 0);
  await assert.rejects(db.at(1000), { code: "FERRUMDB_NO_SUCH_COMMIT" });
  await assert.rejects(db.at(), { code: "FERRUMDB_INVALID_ARGUMENT" });
});
