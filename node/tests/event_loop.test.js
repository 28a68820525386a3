// Owns the proof that no call blocks the event loop: neither under load, nor while a disk is slow.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync, spawnSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { loop } = require("../lib/calls.js");
const { database, folder, inMemory } = require("./support.js");

/** How long each access to the file takes there. */
const DISK_MILLIS = 100;

/** Elsewhere there is no slow disk: it is made by what the loader of Linux loads first. */
const onLinux = { skip: process.platform !== "linux" };

/** Runs a program on a slow disk that tells what the event loop's thread does there. */
function onSlowDisk(place, program, options = {}) {
  const library = path.join(place, "disk.so");
  execFileSync("cc", ["-shared", "-fPIC", path.join(__dirname, "disk.c"), "-o", library, "-ldl"]);
  const code = `
    const { FerrumDB, Transaction } = require("ferrumdb");
    const { writeSync } = require("node:fs");
    const say = (text) => writeSync(2, text + "\\n");
    const place = (name) => ${JSON.stringify(place)} + "/" + name;
    (${program})().catch((error) => { say(error.stack); process.exitCode = 1; });`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", "-e", code], {
    cwd: path.dirname(__dirname),
    encoding: "utf8",
    env: { ...process.env, DISK_MILLIS: `${DISK_MILLIS}`, LD_PRELOAD: library, ...options.env },
  });
  assert.equal(status, 0, stderr);
  return { stdout, told: stderr };
}

test("a long answer takes several turns of the event loop", async (t) => {
  const COUNT = 5_000;
  const db = await inMemory(t);
  const keys = Array.from({ length: COUNT }, (_, n) => `k${String(n).padStart(5, "0")}`);
  await db.createIndex("even");
  await Promise.all(keys.map((key, n) => db.set(key, { n, even: n % 2 === 0 })));
  await Promise.all(keys.map((_, n) => db.set("often", n)));
  await db.delete("often");
  const longest = { values: 0 };
  loop.take = function () {
    const taken = Object.getPrototypeOf(loop).take.call(this);
    for (const values of taken?.[1] ?? [])
      if (Array.isArray(values)) longest.values = Math.max(longest.values, values.length);
    return taken;
  };
  t.after(() => delete loop.take);
  const evens = keys.filter((_, n) => n % 2 === 0);
  const [all, many, exist, found, documents, versions] = await Promise.all([
    db.keys(),
    db.getMany(keys),
    db.existsMany([...keys, "often"]),
    db.find("even", true),
    db.findEntries("even", true),
    db.history("often"),
  ]);
  assert.deepEqual(all.sort(), keys);
  assert.deepEqual(
    many.map(({ n }) => n),
    keys.map((_, n) => n),
  );
  assert.deepEqual(exist, [...keys.map(() => true), false]);
  assert.deepEqual(
    versions.map(({ value }) => value),
    [undefined, ...keys.map((_, n) => COUNT - 1 - n)],
  );
  assert.deepEqual(found.sort(), evens);
  assert.deepEqual(documents.map(([key]) => key).sort(), evens);
  assert.ok(documents.every(([key, { n }]) => key === keys[n]));
  assert.ok(longest.values > 0 && longest.values <= 2 * 1024, `${longest.values}`);
});

test("increments and takes are each done once, however many there are at once", async (t) => {
  const db = await inMemory(t);
  await db.set("n", 0);
  const sums = await Promise.all(Array.from({ length: 100 }, () => db.increment("n")));
  assert.deepEqual(
    sums.sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, n) => n + 1),
  );
  const taken = await Promise.all(Array.from({ length: 10 }, () => db.take("n")));
  assert.deepEqual(
    taken.filter((value) => value !== undefined),
    [100],
  );
  await assert.rejects(
    db.increment("n", 1, { field: "a" }).then(() => db.increment("n")),
    {
      code: "FERRUMDB_TYPE_MISMATCH",
    },
  );
});

/** Every call, and every end of something, on a slow disk. */
const callsOnSlowDisk = (place) =>
  onSlowDisk(place, async () => {
    const options = { cacheBytes: 0, keepHistory: { versions: 5 } };
    const db = await FerrumDB.open(place("slow.db"), options);
    const others = db.collection("others");
    const value = (n) => ({ n, tags: [n], text: "some text" });
    await db.createIndex("n");
    await Promise.all(Array.from({ length: 20 }, (_, n) => db.set(`k${n}`, value(n))));
    const first = await others.set("a", 1);
    const calls = {
      // What is replaced is in no cache, and an index wants to know it.
      set: () => db.set("k1", value(100)),
      "set, a key that is not alone in its call": () => db.set("a\0b", 1),
      setRaw: () => db.setRaw("k2", '{"n":7}'),
      setEx: () => db.setEx("k3", value(3), 1000),
      insert: () => db.insert("new", value(1)),
      delete: () => db.delete("k4"),
      take: () => db.take("k5"),
      commit: () => db.commit(new Transaction().set("k6", value(6)).delete("k7")),
      increment: () => db.increment("k8", 1, { field: "n" }),
      updateWith: () => db.updateWith("k9", (old) => ({ ...old, n: 0 })),
      deletePrefix: () => db.deletePrefix("k1"),
      get: () => db.get("k2"),
      getRaw: () => db.getRaw("k2"),
      getMany: () => db.getMany(["k2", "k3"]),
      getWithVersion: () => db.getWithVersion("k2"),
      exists: () => db.exists("k2"),
      existsMany: () => db.existsMany(["k2"]),
      ttl: () => db.ttl("k3"),
      count: () => db.count(),
      "count in a range": () => db.count({ prefix: "k" }),
      keys: () => db.keys(),
      find: () => db.findEntries("n", 7),
      "find without an index": () => db.find("text", "some text"),
      findRange: () => db.findRangeEntries("n", { gte: 0 }),
      entries: () => Array.fromAsync?.(db.entries({ limit: 2 })) ?? db.entries().next(),
      indexes: () => db.indexes(),
      history: () => db.history("k2"),
      at: async () => (await db.at(first)).get("k1"),
      createIndex: () => db.createIndex("tags"),
      dropIndex: () => db.dropIndex("tags"),
      transact: () =>
        db.transact(async (tx) => {
          await tx.set("k2", await tx.get("k3"));
          await tx.entries({ prefix: "k" });
          await tx.findRange("n", { gte: 0 });
        }),
      collections: () => db.collections(),
      dropCollection: () => db.dropCollection("others"),
      stats: () => db.stats(),
      lag: () => db.lag(),
      verify: () => db.verify(),
      backup: () => db.backup(place("copy.db")),
      exportJson: () => db.exportJson(place("export.lines")),
      importJson: () => db.importJson(place("export.lines")),
      compact: () => db.compact(),
      sync: () => db.sync(),
    };
    for (const [name, call] of Object.entries(calls)) {
      say(name);
      await call();
    }
    /** By then what was begun waits for the disk. */
    const soon = () => new Promise((resolve) => setTimeout(resolve, 20));
    const ends = {
      "a transaction ends while it reads": async () => {
        const ended = db.transact(async (tx) => {
          void tx.get("k2").catch(() => {});
          await soon();
          throw new Error("wanted");
        });
        const { message } = await ended.catch((error) => error);
        if (message !== "wanted") throw new Error(message);
      },
      "a watcher begins, and ends while it reads": async () => {
        const watches = [db.watch(), db.watch({ since: (await db.stats()).sequence, before: true })];
        await db.set("k2", value(2));
        const next = watches.map((watch) => watch.next());
        await soon();
        for (const watch of watches) watch.close();
        await Promise.all(next);
      },
      "a scan ends while it reads": async () => {
        const scan = db.entries();
        const next = scan.next();
        await soon();
        await scan.return();
        await next;
      },
      "a snapshot is closed while it is read": async () => {
        const snapshot = db.snapshot();
        const read = snapshot.get("k2");
        await soon();
        snapshot.close();
        await read;
      },
      "nobody wants them any more": async () => {
        (() => {
          db.snapshot();
          db.entries();
          db.watch();
        })();
        await soon();
        global.gc();
        await soon();
      },
      "a follower": async () => {
        const follower = await FerrumDB.open(place("slow.db"), { readOnly: true });
        await Promise.all([follower.get("k2"), follower.lag(), follower.stats()]);
        await follower.close();
      },
      "all at once, and the closing": async () => {
        for (let n = 0; n < 10; n++) void Promise.all([db.set(`k${n}`, value(n)), db.get(`k${n}`)]).catch(() => {});
        await db.close();
      },
    };
    for (const [name, end] of Object.entries(ends)) {
      say(name);
      await end();
    }
  });

test("on a slow disk the event loop touches no file, and waits for nobody who does", onLinux, async (t) => {
  // A lock that is held for a moment is held for longer if the machine stops whoever holds it, but not each time.
  for (let left = 4; ; left--) {
    const { told } = callsOnSlowDisk(await folder(t));
    if (!told.includes("the event loop:")) return;
    assert.ok(left > 0 && !/the event loop: (?!waited )/.test(told), told);
  }
});

test("what a slow disk tells is what a synchronous call does", onLinux, async (t) => {
  const { told } = onSlowDisk(await folder(t), async () => {
    const db = await FerrumDB.open(place("slow.db"), { cacheBytes: 0 });
    await db.set("a", 1);
    db.getSync("a");
    await db.close();
  });
  assert.match(told, /the event loop: pread64 .*slow\.db/);
});

/** The time that this thread, which is the main one, has worked, in milliseconds, if the system tells. */
function worked() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    return undefined;
  }
}

test("what is much work is not the event loop's", async (t) => {
  if (worked() === undefined) return t.skip("this system does not tell how long a thread has worked");
  // What the loop does itself, it does each time; what the machine does meanwhile, now and then.
  let told = await workOfTheLoop(t);
  for (let left = 4; told.length > 0 && left > 0; left--) told = await workOfTheLoop(t);
  assert.deepEqual(told, []);
});

/** Of what much work the event loop's thread has done a part. */
async function workOfTheLoop(t) {
  const db = await database(t, { cacheBytes: 0, fsync: "never" });
  const text = "x".repeat(1_000);
  for (let n = 0; n < 20_000; n++) void db.set(`k${n}`, { n, text });
  await db.sync();
  const works = {
    "an index": () => db.createIndex("text"),
    "a search without an index": () => db.find("nothing", 1),
    "a verification": () => db.verify(),
    "a backup": () => db.backup(`${db.path}.copy`),
    "a compaction": () => db.compact(),
  };
  const told = [];
  for (const [name, work] of Object.entries(works)) {
    const [begin, all] = [worked(), process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(all);
    const [own, total] = [worked() - begin, (user + system) / 1_000];
    // To begin it and to take its answer takes about a millisecond; the system counts in steps of some.
    if (own >= 10 + total / 4) told.push(`${name}: the loop's thread has worked ${own} of ${total} ms`);
  }
  return told;
}

test("while a hundred callers write as quickly as they can, everything else has its turn", async (t) => {
  const db = await database(t, { fsync: "never" });
  const [callers, sets] = [100, 10_000];
  let [next, turns, isOver] = [0, 0, false];
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (next < sets) await db.set(`k${next % 1000}`, { n: next++ });
    }),
  );
  isOver = true;
  // Each caller sets once in a turn at most.
  assert.ok(turns >= sets / callers / 2, `${turns} turns`);
});

test("answers that come at once are told in several turns", async (t) => {
  const db = await database(t, { fsync: "never" });
  const sets = 20_000;
  let [answers, most, isOver] = [0, 0, false];
  const turn = () => {
    most = Math.max(most, answers);
    answers = 0;
    if (!isOver) setImmediate(turn);
  };
  const all = Array.from({ length: sets }, (_, n) => db.set(`k${n}`, n).then(() => answers++));
  all.push(db.setRaw("last", "1"));
  while (!db.hasSync("last")) {
    // All of them are committed, and nobody has been told yet.
  }
  setImmediate(turn);
  await Promise.all(all);
  isOver = true;
  most = Math.max(most, answers);
  assert.ok(most <= 1_000, `${most} of ${sets} answers came in one turn`);
});
