// Owns the proof that watchers are told every commit, once and in order, and resume.
"use strict";

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { once } = require("node:events");
const path = require("node:path");
const { test } = require("node:test");
const { all, database, inMemory, opened, until } = require("./support.js");

/** The next so many changes. */
async function take(watch, count) {
  const changes = [];
  while (changes.length < count) changes.push((await watch.next()).value);
  return changes;
}

test("a watcher is told what is committed, with what was there before", async (t) => {
  const db = await inMemory(t);
  await db.set("user:1", { n: 1 });
  const watch = db.watch({ prefix: "user:", before: true });
  const waiting = watch.next();
  const sequence = await db.set("user:1", { n: 2 });
  await db.set("other", 1);
  await db.setEx("user:2", 2n ** 60n, 1000);
  await db.delete("user:1");
  const changes = [(await waiting).value, ...(await take(watch, 2))];
  assert.deepStrictEqual(
    changes.map(({ kind, key, before, after }) => [kind, key, before, after]),
    [
      ["set", "user:1", { n: 1 }, { n: 2 }],
      ["set", "user:2", undefined, 2n ** 60n],
      ["deleted", "user:1", { n: 2 }, undefined],
    ],
  );
  assert.deepStrictEqual([changes[0].sequence, changes[0].endsCommit], [sequence, true]);
  assert.ok(changes[0].time instanceof Date && changes[1].expiresAt > changes[1].time);
  assert.equal(watch.sequence, sequence + 3);
  watch.close();
  assert.deepStrictEqual(await watch.next(), { done: true, value: undefined });
});

test("a watcher of a collection is told of that one, and one of the root of no other", async (t) => {
  const db = await inMemory(t);
  const [users, root, everything] = [db.collection("users").watch(), db.watch({ collection: null }), db.watch()];
  await db.collection("users").set("alice", 1);
  await db.set("a", 2);
  await db.dropCollection("users");
  assert.deepStrictEqual(
    (await take(users, 2)).map(({ kind, collection, key }) => [kind, collection, key]),
    [
      ["set", "users", "alice"],
      ["dropped", "users", ""],
    ],
  );
  assert.deepStrictEqual((await take(root, 1))[0].key, "a");
  assert.deepStrictEqual(
    (await take(everything, 3)).map(({ collection }) => collection),
    ["users", undefined, "users"],
  );
  await db.close();
  for (const watch of [users, root, everything]) assert.equal((await watch.next()).done, true);
});

test("a watcher resumes behind the commit that it has seen, after a restart", async (t) => {
  const db = await database(t);
  const watch = db.watch();
  for (let n = 0; n < 600; n++) void db.set(`k${n}`, n);
  await db.sync();
  const seen = await take(watch, 300);
  await watch.return();
  const { path } = db;
  await db.close();
  const again = await opened(t, path);
  const rest = again.watch({ since: watch.sequence, after: false });
  const changes = await take(rest, 300);
  const keys = [...seen, ...changes].map(({ key }) => key);
  assert.deepStrictEqual(
    keys,
    Array.from({ length: 600 }, (_, n) => `k${n}`),
  );
  assert.equal(changes[0].after, undefined);
  await rest[Symbol.asyncDispose]();
  assert.throws(() => again.watch({ since: 10_000 }), { code: "FERRUMDB_NO_SUCH_COMMIT" });
});

test("a signal ends a watcher that waits, with its reason", async (t) => {
  const db = await inMemory(t);
  const controller = new AbortController();
  const ended = all(db.watch({ signal: controller.signal }));
  controller.abort(new Error("enough"));
  await assert.rejects(ended, /enough/);
});

test("closing ends a watcher that waits", async (t) => {
  const db = await inMemory(t);
  const watch = db.watch();
  const waiting = watch.next();
  watch.close();
  assert.equal((await waiting).done, true);
  const another = all(db.watch());
  await db.set("a", 1);
  await db.close();
  assert.equal((await another).length, 1);
});

test("listeners are told changes as events, and of the closing", async (t) => {
  const db = await inMemory(t);
  const users = db.collection("users");
  let change;
  users.once("change", (first) => {
    change = first;
  });
  await db.set("a", 1);
  await users.set("alice", 2);
  await until(() => change);
  assert.deepStrictEqual([change.collection, change.key, change.after], ["users", "alice", 2]);
  const seen = [];
  const listener = ({ key }) => seen.push(key);
  db.on("change", listener);
  await db.set("b", 1);
  await users.set("bob", 1);
  await until(() => seen.length === 2);
  db.off("change", listener);
  await db.set("c", 1);
  db.on("change", listener);
  await db.set("d", 1);
  await until(() => seen.includes("d"));
  assert.deepStrictEqual(seen.slice(0, 2), ["b", "bob"]);
  await Promise.all([once(db, "close"), db.close()]);
});

test("however a listener is added, it is told", async (t) => {
  for (const add of ["on", "once", "addListener", "prependListener", "prependOnceListener"]) {
    const db = await inMemory(t);
    let told;
    db[add]("change", ({ key }) => {
      told = key;
    });
    await db.set(add, 1);
    await until(() => told === add);
  }
});

test("a listener that throws keeps nothing from the others, nor from itself", async () => {
  const code = `
    const { FerrumDB } = require("ferrumdb");
    const thrown = [];
    process.on("uncaughtException", ({ message }) => thrown.push(message));
    (async () => {
      const db = await FerrumDB.openInMemory();
      const told = [];
      db.on("change", ({ key }) => { throw new Error("no " + key); });
      const both = new Promise((resolve) => db.on("change", ({ key }) => told.push(key) === 2 && resolve()));
      await db.set("a", 1);
      await db.set("b", 1);
      await Promise.race([both, new Promise((resolve) => setTimeout(resolve, 300_000))]);
      await db.close();
      console.log(JSON.stringify({ told, thrown }));
      process.exit();
    })();`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", code], {
    cwd: path.dirname(__dirname),
    encoding: "utf8",
  });
  assert.equal(stdout, `${JSON.stringify({ told: ["a", "b"], thrown: ["no a", "no b"] })}\n`, stderr);
});
