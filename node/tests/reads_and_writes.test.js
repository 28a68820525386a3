// Owns the proof that each call does what it says, in the root and in a named collection.
"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const { FerrumDB, FerrumDBError, Transaction } = require("ferrumdb");
const { all, database, inMemory } = require("./support.js");

/** Runs a test on the root and on a named collection. */
function onBoth(name, run) {
  test(`${name}, in the root`, async (t) => run(await inMemory(t), t));
  test(`${name}, in a collection`, async (t) => {
    const db = await inMemory(t);
    await db.set("a", "of the root");
    await run(db.collection("things"), t);
    assert.deepStrictEqual(await db.keys(), ["a"]);
  });
}

onBoth("writes answer with the number of their commit", async (keys) => {
  const first = await keys.set("a", 1);
  assert.equal(await keys.set("a", { b: 2 }), first + 1);
  assert.equal(await keys.delete("a"), true);
  assert.equal(await keys.delete("a"), false);
  assert.equal(await keys.get("a"), undefined);
  assert.equal(keys.getSync("a"), undefined);
  assert.equal(await keys.getRaw("a"), undefined);
  assert.equal(keys.getRawSync("a"), undefined);
  assert.equal(await keys.getWithVersion("a"), undefined);
});

onBoth("several keys are read at once", async (keys) => {
  await keys.set("a", 1);
  await keys.set("b", null);
  assert.deepStrictEqual(await keys.getMany(["b", "x", "a"]), [null, undefined, 1]);
  assert.deepStrictEqual(await keys.getMany(new Set(["a"])), [1]);
  assert.deepStrictEqual(await keys.existsMany(["b", "x"]), [true, false]);
  const many = Array.from({ length: 1000 }, (_, number) => (number % 2 ? "a" : "x"));
  assert.deepStrictEqual(
    await keys.getMany(many),
    many.map((key) => (key === "a" ? 1 : undefined)),
  );
  assert.deepStrictEqual(await keys.getMany([]), []);
  await assert.rejects(keys.getMany("ab"), { code: "FERRUMDB_INVALID_ARGUMENT" });
  assert.equal(await keys.count(), 2);
  assert.deepStrictEqual((await keys.keys()).sort(), ["a", "b"]);
});

onBoth("values expire, and are told for how long they stay", async (keys) => {
  await keys.setEx("a", 1, 1000.5);
  const left = await keys.ttl("a");
  assert.ok(left > 900 && left <= 1000.5, `${left}`);
  assert.equal(await keys.persist("a"), true);
  assert.equal(await keys.ttl("a"), Number.POSITIVE_INFINITY);
  assert.equal(await keys.expire("a", 0), true);
  assert.deepStrictEqual([await keys.get("a"), await keys.ttl("a")], [undefined, undefined]);
  assert.equal(await keys.expire("a", 5), false);
  await keys.setEx("b", 1, 0.02);
  while (await keys.exists("b")) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const lifetime of [-1, Number.NaN, "5", undefined]) {
    await assert.rejects(keys.setEx("c", 1, lifetime), { code: "FERRUMDB_INVALID_ARGUMENT" });
  }
});

onBoth("a condition that does not hold changes nothing", async (keys) => {
  const first = await keys.insert("a", 1);
  await assert.rejects(keys.insert("a", 2), { code: "FERRUMDB_CONFLICT", key: "a", found: first });
  await assert.rejects(keys.replace("b", 2), { code: "FERRUMDB_CONFLICT", key: "b" });
  const second = await keys.replace("a", 2);
  assert.deepStrictEqual(await keys.getWithVersion("a"), { value: 2, version: second });
  await assert.rejects(keys.setIfVersion("a", 3, first), { code: "FERRUMDB_CONFLICT", found: second });
  const third = await keys.setIfVersion("a", 3, second);
  await assert.rejects(keys.deleteIfVersion("a", second), { code: "FERRUMDB_CONFLICT" });
  await keys.deleteIfVersion("a", third);
  assert.equal(await keys.exists("a"), false);
});

onBoth("ranges are deleted in one commit", async (keys) => {
  for (const key of ["a:1", "a:2", "b:1", "c:1"]) await keys.set(key, 1);
  assert.equal(await keys.deletePrefix("a:"), 2);
  assert.equal(await keys.deleteRange({ start: "b", end: "c" }), 1);
  assert.equal(await keys.clear(), 1);
  assert.equal(await keys.clear(), 0);
  await assert.rejects(keys.deleteRange({ begin: "a" }), { code: "FERRUMDB_INVALID_ARGUMENT", message: /start, end/ });
});

onBoth("what is taken is given to one caller", async (keys) => {
  await keys.set("a", { x: 1 });
  const taken = await Promise.all([keys.take("a"), keys.take("a"), keys.take("a")]);
  assert.deepStrictEqual(
    taken.filter((value) => value),
    [{ x: 1 }],
  );
});

onBoth("no addition is lost", async (keys) => {
  await Promise.all(Array.from({ length: 50 }, () => keys.increment("n")));
  assert.equal(await keys.get("n"), 50);
  assert.equal(await keys.increment("n", -51), -1);
  assert.equal(await keys.increment("d", 2, { field: "visits.today" }), 2);
  assert.deepStrictEqual(await keys.get("d"), { visits: { today: 2 } });
  await keys.set("n", 2n ** 60n);
  assert.equal(await keys.increment("n"), 2n ** 60n + 1n);
  await keys.set("n", "text");
  await assert.rejects(keys.increment("n"), { code: "FERRUMDB_TYPE_MISMATCH", key: "n" });
});

onBoth("updates of one value are not lost, and keep its expiry", async (keys) => {
  await keys.setEx("list", [], 1000);
  const add = (item) =>
    keys.updateWith("list", async (list) => {
      await new Promise((resolve) => setImmediate(resolve));
      return [...list, item];
    });
  await Promise.all([1, 2, 3, 4, 5].map(add));
  assert.deepStrictEqual((await keys.get("list")).sort(), [1, 2, 3, 4, 5]);
  assert.ok((await keys.ttl("list")) <= 1000);
  assert.equal(await keys.updateWith("list", () => undefined), undefined);
  assert.equal(await keys.exists("list"), false);
  assert.equal(await keys.updateWith("new", (old) => (old === undefined ? "made" : "found")), "made");
  await assert.rejects(
    keys.updateWith("new", () => {
      throw new RangeError("mine");
    }),
    RangeError,
  );
  assert.equal(await keys.get("new"), "made");
});

onBoth("indexes answer, and a quoted string is unquoted unless it is to be exact", async (keys) => {
  await keys.set("1", { role: "admin", age: 31, at: { city: "Ulm" }, tags: ["x", "y"] });
  await keys.set("2", { role: '"admin"', age: 17 });
  await keys.set("3", { role: "guest", age: 64, "a.b": 1 });
  for (const isIndexed of [false, true]) {
    if (isIndexed) for (const field of ["role", "age", "at.city", ["a.b"]]) await keys.createIndex(field);
    assert.deepStrictEqual(await keys.find("role", "admin"), ["1"]);
    assert.deepStrictEqual(await keys.find("role", '"admin"'), ["1"]);
    assert.deepStrictEqual(await keys.find("role", '"admin"', { exact: true }), ["2"]);
    assert.deepStrictEqual(await keys.find("role", '"'), []);
    assert.deepStrictEqual(await keys.find("role", '"admin'), []);
    assert.deepStrictEqual(await keys.find("at.city", "Ulm"), ["1"]);
    assert.deepStrictEqual(await keys.find(["a.b"], 1), ["3"]);
    assert.deepStrictEqual(await keys.find("tags", "y"), ["1"]);
    assert.deepStrictEqual(await keys.findEntries("age", 17), [["2", { role: '"admin"', age: 17 }]]);
    assert.deepStrictEqual(await keys.findRange("age", { gte: 17, lt: 64 }), ["2", "1"]);
    assert.deepStrictEqual(await keys.findRange("age", { gt: 17, reverse: true, limit: 1 }), ["3"]);
    assert.deepStrictEqual((await keys.findRangeEntries("age", { lte: 17 }))[0][1].age, 17);
    assert.deepStrictEqual((await keys.findRange("age")).length, 3);
  }
  const indexes = await keys.indexes();
  assert.deepStrictEqual(indexes.map(({ field }) => field).sort(), ['["a.b"]', "age", "at.city", "role"]);
  await assert.rejects(keys.createIndex("role"), { code: "FERRUMDB_INDEX_EXISTS" });
  await keys.dropIndex("role");
  await assert.rejects(keys.dropIndex("role"), { code: "FERRUMDB_NO_SUCH_INDEX" });
  await assert.rejects(keys.find([], 1), { code: "FERRUMDB_INVALID_PATH" });
  await assert.rejects(keys.findRange("age", { gt: 1, gte: 1 }), { code: "FERRUMDB_INVALID_ARGUMENT" });
});

onBoth("the history tells what a key has held", async (keys) => {
  await keys.set("a", 1);
  await keys.setEx("a", 2, 1000);
  await keys.delete("a");
  const versions = await keys.history("a");
  assert.deepStrictEqual(
    versions.map(({ kind, value }) => [kind, value]),
    [
      ["deleted", undefined],
      ["set", 2],
      ["set", 1],
    ],
  );
  assert.ok(versions[1].expiresAt > versions[1].time && versions[1].time instanceof Date);
  assert.equal(versions[0].version, versions[1].version + 1);
  assert.equal((await keys.history("a", { limit: 1 })).length, 1);
});

test("a transaction is committed whole or not at all", async (t) => {
  const db = await inMemory(t);
  const version = await db.set("a", 1);
  const transaction = new Transaction()
    .ifVersion("a", version)
    .ifAbsent("b")
    .set("a", 2)
    .setEx("b", { x: 1 }, 100)
    .expire("a", 50)
    .persist("a")
    .collection("users")
    .ifAbsent("alice")
    .set("alice", "admin")
    .root()
    .delete("nobody")
    .ifExists("a");
  assert.equal(transaction.length, 6);
  assert.equal(await db.commit(transaction), version + 1);
  assert.deepStrictEqual(await db.getMany(["a", "b"]), [2, { x: 1 }]);
  assert.equal(await db.collection("users").get("alice"), "admin");
  await assert.rejects(db.commit(transaction), { code: "FERRUMDB_CONFLICT", key: "a" });
  await db.commit(new Transaction().dropCollection("users").set("a", 3));
  assert.deepStrictEqual([await db.collections(), await db.get("a")], [[], 3]);
  assert.throws(() => new Transaction().set("a", undefined), FerrumDBError);
  await assert.rejects(db.commit({}), { code: "FERRUMDB_INVALID_ARGUMENT" });
});

test("collections are told by their names", async (t) => {
  const db = await inMemory(t);
  const users = db.collection("users");
  await users.set("alice", 1);
  assert.deepStrictEqual(await db.collections(), [{ name: "users", documents: 1, indexes: 0 }]);
  assert.deepStrictEqual([users.name, db.name], ["users", undefined]);
  assert.equal(await db.dropCollection("users"), true);
  assert.equal(await db.dropCollection("users"), false);
  assert.equal(await users.count(), 0);
  assert.throws(() => db.collection(""), { code: "FERRUMDB_INVALID_NAME" });
});

test("an error says what it is about, and its stack begins in the caller's code", async (t) => {
  const db = await database(t);
  async function caller(call) {
    return await call();
  }
  await db.set("a", 1);
  const calls = [
    () => db.insert("a", 2),
    () => db.set("a", undefined),
    () => db.get(5),
    () => db.transact(async (tx) => await tx.get(5)),
    () => db.backup(db.path),
    () => all(db.entries({ limit: -1 })),
    () => FerrumDB.open("/nowhere/at/all.db"),
  ];
  for (const call of calls) {
    const error = await caller(call).catch((error) => error);
    assert.ok(error instanceof FerrumDBError && error instanceof Error, `${error}`);
    const [head, first] = error.stack.split("\n").filter((line, at) => at === 0 || line.startsWith("    at "));
    assert.ok(head.startsWith("FerrumDBError: "), head);
    assert.ok(first.includes(__filename), error.stack);
  }
  const { message, code, key, path, name } = await db.insert("a", 2).catch((error) => error);
  assert.deepStrictEqual([code, key, path, name], ["FERRUMDB_CONFLICT", "a", undefined, "FerrumDBError"]);
  assert.match(message, /there was to be no document/);
});

test("options that there are not are refused", async (t) => {
  const db = await inMemory(t);
  assert.throws(() => db.entries({ limits: 1 }), { code: "FERRUMDB_INVALID_ARGUMENT", message: /"limits"/ });
  const wrong = [{ fsynch: "never" }, { fsync: "sometimes" }, { cacheBytes: -1 }, { encryptionKey: Buffer.alloc(5) }];
  wrong.push({ readOnly: 1 }, { keepHistory: {} }, { codec: "pickle" }, { passphrase: 5 });
  for (const options of wrong) {
    await assert.rejects(FerrumDB.open("x.db", options), (error) => {
      assert.ok(["FERRUMDB_INVALID_ARGUMENT", "FERRUMDB_INVALID_CONFIG"].includes(error.code), error.code);
      return true;
    });
  }
  await assert.rejects(FerrumDB.open(""), { code: "FERRUMDB_INVALID_ARGUMENT" });
});
