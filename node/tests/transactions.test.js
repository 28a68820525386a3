// Owns the proof that transactions are serializable though their functions are asynchronous.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { all, inMemory } = require("./support.js");

const tick = () => new Promise((resolve) => setImmediate(resolve));

test("money moved by many at once stays the same", async (t) => {
  const db = await inMemory(t);
  await db.set("alice", 100);
  await db.set("bob", 0);
  const move = () =>
    db.transact(async (tx) => {
      const [alice, bob] = [await tx.get("alice"), await tx.get("bob")];
      await tick();
      await tx.set("alice", alice - 1);
      await tx.set("bob", bob + 1);
      return alice;
    });
  const seen = await Promise.all(Array.from({ length: 20 }, move));
  assert.deepStrictEqual(await db.getMany(["alice", "bob"]), [80, 20]);
  assert.equal(new Set(seen).size, 20);
});

test("two doctors never both leave", async (t) => {
  const db = await inMemory(t);
  await db.set("doctor:1", { onCall: true });
  await db.set("doctor:2", { onCall: true });
  const leave = (key) =>
    db.transact(async (tx) => {
      const onCall = (await tx.entries({ prefix: "doctor:" })).filter(([, doctor]) => doctor.onCall);
      await tick();
      if (onCall.length > 1) await tx.set(key, { onCall: false });
    });
  await Promise.all([leave("doctor:1"), leave("doctor:2")]);
  const doctors = await all(db.entries());
  assert.equal(doctors.filter(([, doctor]) => doctor.onCall).length, 1);
});

test("a transaction reads one moment and what it has written itself", async (t) => {
  const db = await inMemory(t);
  await db.createIndex("v");
  for (const [key, v] of Object.entries({ a: 1, b: 2, c: 3 })) await db.set(key, { v });
  let runs = 0;
  const found = await db.transact(async (tx) => {
    runs++;
    assert.deepStrictEqual(await tx.get("a"), { v: 1 });
    if (runs === 1) await db.set("d", { v: 2 });
    assert.equal(await tx.exists("d"), runs > 1);
    assert.equal(await tx.count(), runs === 1 ? 3 : 4);
    await tx.set("a", { v: 9 });
    await tx.delete("b");
    await tx.setEx("e", { v: 0 }, 100);
    const left = await tx.ttl("e");
    assert.ok(left > 0 && left <= 100);
    await tx.persist("e");
    assert.equal(await tx.ttl("e"), Number.POSITIVE_INFINITY);
    assert.deepStrictEqual(await tx.getMany(["b", "a"]), [undefined, { v: 9 }]);
    assert.deepStrictEqual(await tx.find("v", 9), ["a"]);
    assert.deepStrictEqual((await tx.keys({ reverse: true })).at(-1), "a");
    return tx.findRange("v", { gte: 0 });
  });
  assert.deepStrictEqual([runs, found], [2, ["e", "d", "c", "a"]]);
  assert.deepStrictEqual(await db.findRange("v"), ["e", "d", "c", "a"]);
});

test("two who take the first in the order of a field never take the same", async (t) => {
  const db = await inMemory(t);
  await db.createIndex("due");
  for (const [key, due] of Object.entries({ wash: 30, iron: 10, fold: 20 })) await db.set(key, { due });
  const take = (given) =>
    db.transact(async (tx) => {
      const [first] = await tx.findRangeEntries("due", { limit: 1, ...given });
      await tick();
      await tx.delete(first[0]);
      return first;
    });
  const taken = await Promise.all([take(), take()]);
  assert.deepStrictEqual(
    taken.sort(([a], [b]) => (a < b ? -1 : 1)),
    [
      ["fold", { due: 20 }],
      ["iron", { due: 10 }],
    ],
  );
  await db.set("cook", { due: 5 });
  await db.transact(async (tx) => {
    assert.deepStrictEqual(await tx.findRange("due", { reverse: true }), ["wash", "cook"]);
    assert.deepStrictEqual(await tx.findRange("due", { reverse: true, limit: 1, lt: 30 }), ["cook"]);
    assert.deepStrictEqual(await tx.findEntries("due", 5), [["cook", { due: 5 }]]);
  });
});

test("an error of the function aborts, and is the answer", async (t) => {
  const db = await inMemory(t);
  await assert.rejects(
    db.transact(async (tx) => {
      await tx.set("a", 1);
      throw new RangeError("mine");
    }),
    RangeError,
  );
  assert.equal(await db.count(), 0);
  assert.equal((await db.stats()).pins, 0);
});

test("a conflict that stays is told with how often it was run", async (t) => {
  const db = await inMemory(t);
  await db.set("a", 0);
  const run = db.transact(
    async (tx) => {
      const a = await tx.get("a");
      await db.increment("a");
      await tx.set("a", a);
    },
    { attempts: 3 },
  );
  await assert.rejects(run, { code: "FERRUMDB_CONFLICT", key: "a", attempts: 3 });
  assert.equal(await db.get("a"), 3);
});

test("steps that are not awaited are taken in their order, before the commit", async (t) => {
  const db = await inMemory(t);
  await db.transact(async (tx) => {
    void tx.set("a", 1);
    void tx.get("a");
    void tx.set("a", 2);
    void tx.collection("others").set("b", 3);
  });
  assert.deepStrictEqual([await db.get("a"), await db.collection("others").get("b")], [2, 3]);
});

test("a transaction that has ended takes no more steps", async (t) => {
  const db = await inMemory(t);
  let kept;
  await db.transact(async (tx) => {
    kept = tx;
    await tx.set("a", 1);
  });
  await assert.rejects(kept.set("a", 2), { code: "FERRUMDB_CLOSED", message: /awaited within/ });
  await assert.rejects(kept.get("a"), { code: "FERRUMDB_CLOSED" });
  assert.equal(await db.get("a"), 1);
});
