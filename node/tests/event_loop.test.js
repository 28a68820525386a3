// Owns the proof that no call blocks the event loop: neither under load, nor while a disk is slow.
"use strict";

const assert = require("node:assert/strict");
const { execFileSync, spawnSync } = require("node:child_process");
const path = require("node:path");
const { test } = require("node:test");
const { database, folder } = require("./support.js");

/** How many times the loop turns while something is under way. */
async function turnsDuring(work) {
  let [turns, isOver] = [0, false];
  const ended = work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    turns++;
  }
  await ended;
  return turns;
}

test("the loop turns while values are read from the disk, written, and looked through", async (t) => {
  const db = await database(t, { cacheBytes: 0, fsync: "always" });
  const value = { text: "x".repeat(5_000) };
  for (let n = 0; n < 2_000; n++) void db.set(`k${n}`, value);
  const works = {
    writes: () => db.sync(),
    "an index": () => db.createIndex("text"),
    "a search without an index": () => db.find("nothing", 1),
    keys: () => db.keys(),
    "a verification": () => db.verify(),
    "a compaction": () => db.compact(),
    "a cold read": () => db.get("k1"),
    "cold reads": () => db.getMany(Array.from({ length: 2_000 }, (_, n) => `k${n}`)),
  };
  for (const [name, work] of Object.entries(works)) {
    const turns = await turnsDuring(work());
    assert.ok(turns >= 1, `${name}: ${turns} turns`);
  }
});

/** Compiles what makes each read of a database file take this long, if there is a compiler. */
function slowDisk(place, millis) {
  const source = `#define _GNU_SOURCE
    #include <dlfcn.h>
    #include <sys/types.h>
    #include <time.h>
    static void nap(void) { struct timespec t = {0, ${millis}000000}; nanosleep(&t, 0); }
    ssize_t pread64(int f, void *b, size_t n, off_t o) {
      static ssize_t (*real)(int, void *, size_t, off_t);
      if (!real) real = dlsym(RTLD_NEXT, "pread64");
      nap(); return real(f, b, n, o); }
    int fdatasync(int f) {
      static int (*real)(int);
      if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
      nap(); return real(f); }`;
  const library = path.join(place, "slow.so");
  execFileSync("cc", ["-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], { input: source });
  return library;
}

test("on a slow disk, reads and durable writes wait for it, and the loop does not", async (t) => {
  const place = await folder(t);
  const code = `
    const { FerrumDB } = require("ferrumdb");
    const { performance } = require("node:perf_hooks");
    (async () => {
      const db = await FerrumDB.open(${JSON.stringify(path.join(place, "slow.db"))}, { cacheBytes: 0 });
      await Promise.all(Array.from({ length: 10 }, (_, n) => db.set("k" + n, n)));
      let longest = 0;
      const timed = (call) => {
        const begin = performance.now();
        const promise = call();
        longest = Math.max(longest, performance.now() - begin);
        return promise.then(() => performance.now() - begin);
      };
      const reads = await Promise.all([1, 2, 3].map((n) => timed(() => db.get("k" + n))));
      const write = await timed(() => db.set("k", 1));
      await db.close();
      console.log(JSON.stringify({ longest, read: Math.min(...reads), write }));
    })();`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", code], {
    cwd: path.dirname(__dirname),
    encoding: "utf8",
    env: { ...process.env, LD_PRELOAD: slowDisk(place, 200) },
  });
  const { longest, read, write } = JSON.parse(stdout || `{"error":${JSON.stringify(stderr)}}`);
  assert.ok(read >= 200 && write >= 200, `the disk was not slow: ${read} and ${write} ms`);
  assert.ok(longest < 200, `a call held the loop for ${longest} ms`);
});
