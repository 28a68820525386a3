// Owns the proof of the order and the bounds of scans, and that whoever leaves one frees it.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { all, inMemory, until } = require("./support.js");

const keysOf = async (entries) => (await all(entries)).map(([key]) => key);

test("entries come in the order of their keys' bytes, within their bounds", async (t) => {
  const db = await inMemory(t);
  // In the order of UTF-16 the last two would change places.
  const keys = ["", "a", "a:1", "a:2", "b", "é", "\ufb03", "😀"];
  for (const key of [...keys].reverse()) await db.set(key, { key });
  assert.deepStrictEqual(await keysOf(db.entries()), keys);
  assert.deepStrictEqual(await keysOf(db.entries({ reverse: true })), [...keys].reverse());
  assert.deepStrictEqual(await all(db.entries({ prefix: "a:" })), [
    ["a:1", { key: "a:1" }],
    ["a:2", { key: "a:2" }],
  ]);
  const cases = [
    [{ start: "a", end: "b" }, ["a", "a:1", "a:2"]],
    [{ start: "a", end: "b", reverse: true }, ["a:2", "a:1", "a"]],
    [{ start: "b", end: "a" }, []],
    [{ start: "b", end: "a", reverse: true }, []],
    [{ start: "b", end: "b" }, []],
    [{ limit: 0 }, []],
    [{ limit: 2 }, ["", "a"]],
    [{ limit: 2, reverse: true }, ["😀", "\ufb03"]],
    [{ prefix: "a", start: "a:1" }, ["a:1", "a:2"]],
    [{ prefix: "a", end: "a:2" }, ["a", "a:1"]],
    [{ prefix: "a", start: "b" }, []],
    [{ prefix: "a", end: "Z" }, []],
    [{ prefix: "a:", reverse: true, limit: 1 }, ["a:2"]],
    [{ after: "a" }, ["a:1", "a:2", "b", "é", "\ufb03", "😀"]],
    [{ after: "b", reverse: true }, ["a:2", "a:1", "a", ""]],
    [{ prefix: "😀" }, ["😀"]],
    [{ prefix: "\u{10ffff}" }, []],
  ];
  for (const [options, expected] of cases) {
    assert.deepStrictEqual(await keysOf(db.entries(options)), expected, JSON.stringify(options));
    assert.deepStrictEqual(await all(db.iterateKeys(options)), expected, JSON.stringify(options));
    assert.deepStrictEqual(await db.keys(options), expected, JSON.stringify(options));
  }
  await assert.rejects(db.keys({ from: "a" }), { code: "FERRUMDB_INVALID_ARGUMENT" });
  assert.deepStrictEqual(await db.keysWithPrefix("a"), ["a", "a:1", "a:2"]);
  assert.equal(await db.count({ prefix: "a" }), 3);
});

test("a scan shows what was there at the call, however long it takes", async (t) => {
  const db = await inMemory(t);
  for (let n = 0; n < 500; n++) void db.set(`k:${String(n).padStart(3, "0")}`, n);
  await db.sync();
  const entries = db.entries();
  await db.clear();
  const seen = await all(entries);
  assert.deepStrictEqual(
    seen.map(([, value]) => value),
    Array.from({ length: 500 }, (_, n) => n),
  );
  assert.deepStrictEqual(await all(db.entries()), []);
});

test("whoever leaves a scan frees what it holds", async (t) => {
  const db = await inMemory(t);
  for (let n = 0; n < 100; n++) await db.set(`k${n}`, n);
  const isFree = async () => (await db.stats()).pins === 0;
  for await (const [key] of db.entries()) {
    assert.equal(key, "k0");
    assert.equal(await isFree(), false);
    break;
  }
  await until(isFree);
  await assert.rejects(async () => {
    for await (const _ of db.iterateKeys()) throw new Error("mine");
  }, /mine/);
  await until(isFree);
  const disposed = db.entries();
  await disposed.next();
  await disposed[Symbol.asyncDispose]();
  assert.deepStrictEqual(await disposed.next(), { done: true, value: undefined });
  await until(isFree);
  await all(db.entries());
  await until(isFree);
});

test("a signal ends a scan with its reason", async (t) => {
  const db = await inMemory(t);
  for (let n = 0; n < 100; n++) await db.set(`k${n}`, n);
  const controller = new AbortController();
  const seen = [];
  await assert.rejects(async () => {
    for await (const [key] of db.entries({ signal: controller.signal })) {
      seen.push(key);
      controller.abort(new Error("enough"));
    }
  }, /enough/);
  assert.equal(seen.length, 1);
  assert.throws(() => db.entries({ signal: AbortSignal.abort(new Error("early")) }), /early/);
  await until(async () => (await db.stats()).pins === 0);
});

test("steps that are asked for at once are answered in their order", async (t) => {
  const db = await inMemory(t);
  for (const key of ["a", "b", "c"]) await db.set(key, 1);
  const entries = db.iterateKeys();
  const steps = await Promise.all([entries.next(), entries.next(), entries.next(), entries.next()]);
  assert.deepStrictEqual(
    steps.map(({ value }) => value),
    ["a", "b", "c", undefined],
  );
});
