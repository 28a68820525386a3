// Owns the proof that backups, exports and imports take everything along, and that what is stopped leaves nothing.
"use strict";

const assert = require("node:assert/strict");
const { createReadStream } = require("node:fs");
const { readFile, readdir, writeFile } = require("node:fs/promises");
const path = require("node:path");
const { test } = require("node:test");
const { all, database, folder, inMemory, opened } = require("./support.js");

async function filled(t) {
  const db = await database(t, { fsync: "never" });
  await db.createIndex("v");
  await db.collection("users").createIndex(["a.b"]);
  for (let n = 0; n < 1500; n++) void db.set(`k${n}`, { v: n, text: "ä".repeat(n % 7) });
  await db.set("big", 2n ** 64n - 1n);
  await db.setEx("later", 1, 1000);
  await db.collection("users").set("alice", { "a.b": [1.5, -0] });
  return db;
}

test("an export is imported whole, from a path and from a stream", async (t) => {
  const db = await filled(t);
  const file = path.join(await folder(t), "all.jsonl");
  const told = await db.exportJson(file);
  assert.equal(told.documents, 1503);
  assert.equal(told.sequence, (await db.stats()).sequence);
  for (const source of [file, createReadStream(file), (await readFile(file, "utf8")).match(/.{1,999}/gs)]) {
    const copy = await inMemory(t);
    assert.deepStrictEqual(await copy.importJson(source), { documents: 1503 });
    assert.deepStrictEqual(await all(copy.entries()), await all(db.entries()));
    assert.deepStrictEqual(await copy.collection("users").get("alice"), { "a.b": [1.5, -0] });
    assert.ok((await copy.ttl("later")) <= 1000);
    assert.deepStrictEqual(await copy.find("v", 77), ["k77"]);
    assert.equal((await copy.collection("users").indexes()).length, 1);
  }
  await assert.rejects(db.exportJson(file), { code: "FERRUMDB_ALREADY_EXISTS", path: file });
});

test("what is no whole export is refused", async (t) => {
  const db = await inMemory(t);
  const head = '{"ferrumdb_export":1,"sequence":1,"documents":1,"indexes":[],"collections":[]}';
  const cases = [[""], ["{}\n"], ["no"], [`${head}\n`], [`${head}\n{"key":1,"value":2}\n`]];
  cases.push([`${head.replace('export":1', 'export":99')}\n`]);
  for (const texts of cases) {
    await assert.rejects(db.importJson(texts), { code: "FERRUMDB_INVALID_JSON" }, texts[0]);
  }
  await assert.rejects(db.importJson(5), { code: "FERRUMDB_INVALID_ARGUMENT" });
  const nowhere = path.join(await folder(t), "nowhere.jsonl");
  await assert.rejects(db.importJson(nowhere), { name: "FerrumDBError", code: "FERRUMDB_IO", path: nowhere });
  const stream = createReadStream(__filename);
  await assert.rejects(db.importJson(stream), { code: "FERRUMDB_INVALID_JSON" });
  assert.ok(stream.destroyed);
  assert.equal(await db.count(), 0);
});

test("a signal stops an import and an export, and leaves no file", async (t) => {
  const db = await filled(t);
  const place = await folder(t);
  const file = path.join(place, "all.jsonl");
  await assert.rejects(db.exportJson(file, { signal: AbortSignal.abort(new Error("no")) }), /no/);
  assert.deepStrictEqual(await readdir(place), []);
  await db.exportJson(file);
  const controller = new AbortController();
  async function* lines() {
    for (const line of (await readFile(file, "utf8")).split("\n")) {
      yield `${line}\n`;
      if (line.includes('"k700"')) controller.abort(new Error("enough"));
    }
  }
  const copy = await inMemory(t);
  await assert.rejects(copy.importJson(lines(), { signal: controller.signal }), /enough/);
});

test("a backup is a database, and is verified", async (t) => {
  const db = await filled(t);
  const place = await folder(t);
  const report = await db.backup(path.join(place, "full.db"));
  await db.set("after", 1);
  const increment = await db.backup(path.join(place, "more.inc"), { since: report.sequence });
  assert.deepStrictEqual([increment.since, increment.sequence], [report.sequence, report.sequence + 1]);
  const copy = await opened(t, path.join(place, "full.db"));
  assert.equal(await copy.count(), 1502);
  const verified = await copy.verify();
  assert.deepStrictEqual([verified.sound, verified.documents, verified.findings], [true, 1503, []]);
  await assert.rejects(db.backup(path.join(place, "full.db")), { code: "FERRUMDB_ALREADY_EXISTS" });
});

test("a compaction wins room, and a signal stops it", async (t) => {
  const db = await filled(t);
  await db.deletePrefix("k");
  const report = await db.compact();
  assert.ok(report.bytesAfter < report.bytesBefore && report.recordsDropped >= 1500, JSON.stringify(report));
  await assert.rejects(db.compact({ signal: AbortSignal.abort(new Error("no")) }), /no/);
  assert.equal(await db.count(), 2);
});

test("a damaged file is refused, and a verification finds where", async (t) => {
  const db = await database(t);
  for (let n = 0; n < 100; n++) await db.set(`k${n}`, { text: "x".repeat(100) });
  const { path: file } = db;
  await db.close();
  const bytes = await readFile(file);
  bytes[8192 + 60] ^= 0xff;
  await writeFile(file, bytes);
  await require("node:fs/promises").rm(`${file}.hint`, { force: true });
  await assert.rejects(opened(t, file), { code: "FERRUMDB_DAMAGED", path: file });
});
