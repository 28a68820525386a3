// Owns the proof that a text that was kept is never given when the document is another, and how much is kept.
"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const { test } = require("node:test");
const { Worker } = require("node:worker_threads");
const { FerrumDB, Transaction } = require("ferrumdb");
const { Keeping, Texts } = require("../lib/texts.js");
const { database, folder, inMemory, opened } = require("./support.js");

const gets = async (db) => (await db.stats()).metrics.gets;

/** Has a document read often enough that its text is kept, by each kind of read. */
async function keep(keys, key) {
  for (let n = 0; n < 3; n++) await keys.get(key);
  return keys.getSync(key);
}

test("every way to change a document is seen by the next read", async (t) => {
  const db = await database(t);
  const file = path.join(await folder(t), "import.lines");
  const other = await inMemory(t);
  await other.set("a", "imported");
  await other.exportJson(file);
  const users = db.collection("users");
  const inCollection = (transaction, name) => (name === undefined ? transaction : transaction.collection(name));
  const changes = {
    set: [(keys) => keys.set("a", 2), 2],
    setRaw: [(keys) => keys.setRaw("a", "3"), 3],
    setEx: [(keys) => keys.setEx("a", 4, 100), 4],
    delete: [(keys) => keys.delete("a"), undefined],
    take: [(keys) => keys.take("a"), undefined],
    increment: [(keys) => keys.increment("a"), 2],
    updateWith: [(keys) => keys.updateWith("a", (old) => old + 4), 5],
    deletePrefix: [(keys) => keys.deletePrefix("a"), undefined],
    clear: [(keys) => keys.clear(), undefined],
    commit: [(keys) => db.commit(inCollection(new Transaction(), keys.name).set("a", 6)), 6],
    dropCollection: [(keys) => db.dropCollection(keys.name), undefined],
    importJson: [() => db.importJson(file), "imported"],
  };
  for (const keys of [db, users]) {
    for (const [name, [change, value]] of Object.entries(changes)) {
      await keys.set("a", 1);
      assert.equal(await keep(keys, "a"), 1);
      const before = await gets(db);
      assert.equal(await keys.get("a"), 1);
      assert.equal(await gets(db), before + 1, "what is answered here is counted, too");
      // Some have to do with one of the two alone.
      const of = { dropCollection: users, importJson: db }[name];
      if (of !== undefined && of !== keys) continue;
      await change(keys);
      assert.equal(keys.getSync("a"), value, name);
      assert.equal(await keys.get("a"), value, name);
      assert.equal(await keys.getRaw("a"), value === undefined ? undefined : JSON.stringify(value), name);
      assert.equal(keys.getRawSync("a"), value === undefined ? undefined : JSON.stringify(value), name);
    }
  }
});

test("what expires is gone when it has, however often it was read", async (t) => {
  const db = await inMemory(t);
  await db.set("a", 1);
  await keep(db, "a");
  await db.setEx("a", 2, 0.05);
  while ((await db.ttl("a")) !== undefined) assert.ok([2, undefined].includes(db.getSync("a")));
  assert.equal(db.getSync("a"), undefined);
  assert.equal(await db.get("a"), undefined);
});

test("each read gives an object of its own", async (t) => {
  const db = await inMemory(t);
  await db.set("a", { list: [1] });
  (await keep(db, "a")).list.push(2);
  (await db.get("a")).list.push(3);
  assert.deepEqual(db.getSync("a"), { list: [1] });
});

test("a closed database answers nothing that it has kept", async (t) => {
  const db = await database(t);
  const users = db.collection("users");
  for (const keys of [db, users]) {
    await keys.set("a", 1);
    await keep(keys, "a");
  }
  await db.close();
  for (const keys of [db, users]) {
    await assert.rejects(keys.get("a"), { code: "FERRUMDB_CLOSED" });
    assert.throws(() => keys.getSync("a"), { code: "FERRUMDB_CLOSED" });
  }
});

test("what a worker or a follower's owner changes is seen", async (t) => {
  const file = path.join(await folder(t), "shared.db");
  const db = await opened(t, file);
  const follower = await opened(t, file, { readOnly: true });
  await db.set("n", 0);
  await keep(db, "n");
  const program = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { FerrumDB } = require(workerData.ferrumdb);
    (async () => {
      const db = await FerrumDB.open(workerData.file);
      parentPort.on("message", async (n) => {
        if (n === null) return db.close().then(() => process.exit());
        await db.set("n", n);
        parentPort.postMessage(n);
      });
    })();`;
  const workerData = { file, ferrumdb: require.resolve("ferrumdb") };
  const worker = new Worker(program, { eval: true, workerData });
  for (let n = 1; n <= 200; n++) {
    const told = new Promise((resolve) => worker.once("message", resolve));
    worker.postMessage(n);
    // Never less than what was read before, and never less than what was told.
    let seen = n - 1;
    for (let read = 0; read < 20; read++) {
      const found = db.getSync("n");
      assert.ok(found >= seen && found <= n, `${found} after ${seen}`);
      seen = found;
    }
    assert.equal(await told, n);
    assert.equal(await db.get("n"), n);
  }
  while ((await follower.get("n")) !== 200) await new Promise((resolve) => setTimeout(resolve, 2));
  worker.postMessage(null);
  await new Promise((resolve) => worker.once("exit", resolve));
});

/** Texts over memory of the test's own. */
function texts(cacheBytes) {
  const numbers = new Int32Array(5);
  const found = new Int32Array(2);
  const keeping = new Keeping([numbers.buffer, found.buffer], cacheBytes);
  const kept = new Texts(keeping);
  const keep = (key, text, place = 0) => {
    found.set([place, numbers[place]]);
    kept.find(key);
    kept.keep(key, text);
  };
  return { numbers, keeping, kept, keep };
}

test("a text is given as long as the number at its place is what it was", () => {
  const { numbers, keeping, kept, keep } = texts();
  keep("a", "1", 1);
  keep("b", "2", 2);
  keep("c", "3", -1);
  assert.deepEqual([kept.find("a"), kept.find("b"), kept.find("c")], ["1", "2", undefined]);
  numbers[1]++;
  assert.deepEqual([kept.find("a"), kept.find("b")], [undefined, "2"]);
  numbers[4]++;
  assert.equal(kept.find("b"), undefined);
  keep("b", "3", 2);
  assert.equal(kept.find("b"), "3");
  keeping.end();
  assert.equal(kept.find("b"), undefined);
});

test("no more is kept than there is room for, and in the end all makes room for others", () => {
  const cacheBytes = 1 << 20;
  const { numbers, kept, keep } = texts(cacheBytes);
  const text = "x".repeat(1000);
  const room = cacheBytes / 32 / 1000;
  const known = (from, to) => {
    const names = Array.from({ length: to - from }, (_, n) => `${from + n}`);
    return names.filter((name) => kept.find(name) !== undefined).length;
  };
  keep("changed", text, 1);
  for (let n = 0; n < 100; n++) keep(`${n}`, text);
  const first = known(0, 100);
  assert.ok(first > room / 2 && first <= room, `${first} of ${room}`);
  numbers[1]++;
  keep("changed", "a new text", 1);
  assert.equal(kept.find("changed"), "a new text", "what is replaced needs no room");
  for (let n = 100; n < 10_000; n++) keep(`${n}`, text);
  assert.ok(known(0, 10_000) <= room);
  assert.equal(known(0, 100), 0);
  keep("long", "x".repeat(20_000));
  assert.equal(kept.find("long"), undefined);
});

test("where nothing is asked for twice, little is kept", () => {
  const { keeping, keep } = texts(1 << 20);
  const admit = keeping.admit.bind(keeping);
  let admitted = 0;
  keeping.admit = (...given) => {
    const may = admit(...given);
    if (may) admitted++;
    return may;
  };
  for (let n = 0; n < 10_000; n++) keep(`${n}`, "x".repeat(1000));
  assert.ok(admitted > 100 && admitted < 1000, `${admitted}`);
});

test("a database that may cache nothing keeps nothing here either", async (t) => {
  const db = await FerrumDB.open(path.join(await folder(t), "cold.db"), { cacheBytes: 0 });
  t.after(() => db.close());
  await db.set("a", 1);
  for (let n = 1; n <= 5; n++) {
    assert.equal(await db.get("a"), 1);
    assert.equal((await db.stats()).metrics.cacheHits, 0);
  }
});
