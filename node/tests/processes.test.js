// Owns the proof of who may have a file open, and what is left when threads and processes end.
"use strict";

const assert = require("node:assert/strict");
const { spawn, spawnSync } = require("node:child_process");
const { once } = require("node:events");
const path = require("node:path");
const { test } = require("node:test");
const { Worker } = require("node:worker_threads");
const { FerrumDB } = require("ferrumdb");
const { database, folder, opened, until } = require("./support.js");

const root = path.dirname(__dirname);

/** A program that has `FerrumDB` and the file, in a process of its own. */
const program = (file, code) => [
  "-e",
  `const { FerrumDB } = require("ferrumdb"); const file = ${JSON.stringify(file)}; (async () => { ${code} })();`,
];

const run = (file, code) => spawnSync(process.execPath, program(file, code), { cwd: root, encoding: "utf8" });

/** A worker thread that runs `code` with `FerrumDB`, the file and its port. */
const worker = (file, code) =>
  new Worker(
    `const { parentPort, workerData: file } = require("node:worker_threads");
     const { FerrumDB } = require("ferrumdb"); (async () => { ${code} })();`,
    { eval: true, workerData: file },
  );

test("a second process gets the lock error, which names the first", async (t) => {
  const db = await database(t);
  const { stdout } = run(db.path, "await FerrumDB.open(file).catch((e) => console.log(e.code, e.path, e.message));");
  assert.ok(stdout.startsWith(`FERRUMDB_LOCKED ${db.path} `), stdout);
  assert.ok(stdout.includes(`${process.pid}`), stdout);
  const child = spawn(
    process.execPath,
    program(db.path, 'console.log("waits"); (await FerrumDB.open(file, { lockTimeout: 60 })).close();'),
    { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
  );
  const exited = once(child, "exit");
  await once(child.stdout, "data");
  await db.close();
  assert.deepStrictEqual(await exited, [0, null]);
});

test("a follower sees what another process writes, and writes nothing", async (t) => {
  const db = await database(t);
  await db.set("a", 1);
  const follower = await opened(t, db.path, { readOnly: true });
  // It may be some milliseconds behind, from the beginning on.
  await until(async () => (await follower.get("a")) === 1);
  await db.set("a", 2);
  await until(async () => (await follower.get("a")) === 2);
  await assert.rejects(follower.set("a", 3), { code: "FERRUMDB_READ_ONLY" });
  await until(async () => (await follower.lag()).behindMs === 0);
  const { stdout } = run(
    db.path,
    "const db = await FerrumDB.open(file, { readOnly: true }); console.log(await db.get('a')); await db.close();",
  );
  assert.equal(stdout, "2\n");
});

test("openings of one process share an engine, which closes with the last", async (t) => {
  const one = await database(t, { fsync: "never" });
  const two = await opened(t, one.path);
  await one.set("a", 1);
  assert.equal(two.getSync("a"), 1);
  await assert.rejects(FerrumDB.open(one.path, { fsync: "always" }), {
    code: "FERRUMDB_INVALID_CONFIG",
    message: /fsync/,
  });
  await one.close();
  await one.close();
  await assert.rejects(one.set("a", 2), { code: "FERRUMDB_CLOSED" });
  assert.throws(() => one.getSync("a"), { code: "FERRUMDB_CLOSED" });
  assert.equal(one.closed, true);
  assert.equal(await two.set("a", 2), 2);
  const { path: file } = two;
  await two.close();
  const again = await opened(t, file, { fsync: "always" });
  assert.equal(await again.get("a"), 2);
  assert.equal((await again.stats()).recovery.clean, true);
});

test("openings at the same time are one", async (t) => {
  const file = path.join(await folder(t), "test.db");
  const all = await Promise.all(Array.from({ length: 8 }, () => opened(t, file)));
  await Promise.all(all.map((db, number) => db.set(`${number}`, number)));
  assert.equal(await all[0].count(), 8);
  await Promise.all(all.slice(1).map((db) => db.close()));
  assert.equal(await all[0].count(), 8);
});

test("who opens what is open in this process needs its key", async (t) => {
  const key = Buffer.alloc(32, 7);
  const db = await database(t, { encryptionKey: key });
  await db.set("a", 1);
  await assert.rejects(FerrumDB.open(db.path), { code: "FERRUMDB_WRONG_KEY" });
  await assert.rejects(FerrumDB.open(db.path, { encryptionKey: Buffer.alloc(32, 8) }), { code: "FERRUMDB_WRONG_KEY" });
  const same = await opened(t, db.path, { encryptionKey: key });
  await db.rekey({ passphrase: "open sesame" });
  await assert.rejects(FerrumDB.open(db.path, { encryptionKey: key }), { code: "FERRUMDB_WRONG_KEY" });
  const { path: file } = db;
  await db.close();
  await same.close();
  await assert.rejects(FerrumDB.open(file), { code: "FERRUMDB_KEY_NEEDED" });
  await assert.rejects(FerrumDB.open(file, { encryptionKey: key }), { code: "FERRUMDB_WRONG_KEY" });
  const again = await opened(t, file, { passphrase: "open sesame" });
  assert.equal(await again.get("a"), 1);
});

test("worker threads share the engine, and one that dies takes nothing with it", async (t) => {
  const db = await database(t, { fsync: "never" });
  await db.set("n", 0);
  const count = "const db = await FerrumDB.open(file); for (let i = 0; i < 50; i++) await db.increment('n');";
  const workers = [1, 2, 3].map(() => worker(db.path, `${count} await db.close(); parentPort.postMessage("done");`));
  await Promise.all(workers.map((each) => once(each, "exit")));
  assert.equal(await db.get("n"), 150);

  const dying = worker(
    db.path,
    "const db = await FerrumDB.open(file); for (;;) { void db.set('w', Math.random()); parentPort.postMessage(await db.get('w')); }",
  );
  await once(dying, "message");
  await dying.terminate();
  assert.equal(await db.increment("n"), 151);
  const watching = worker(
    db.path,
    "const db = await FerrumDB.open(file); db.watch().next(); parentPort.postMessage(1);",
  );
  await once(watching, "message");
  await watching.terminate();
  await db.set("w", "still here");
  assert.equal(await db.get("w"), "still here");
  const { path: file } = db;
  await db.close();
  // Nothing that has died holds it open.
  await until(async () => {
    const { status } = run(file, "const db = await FerrumDB.open(file); await db.close();");
    return status === 0;
  });
});

test("a library that only workers have loaded outlives each of them", () => {
  const code = `const { Worker } = require("node:worker_threads");
    const own = "const { FerrumDB } = require('ferrumdb'); FerrumDB.openInMemory().then((db) => db.set('a', 1)).then(() => process.exit())";
    const next = (left) => left > 0
      ? new Worker(own, { eval: true }).on("exit", () => next(left - 1))
      : setTimeout(() => console.log("alive"), 50);
    next(5);`;
  const { stdout, status } = spawnSync(process.execPath, ["-e", code], { cwd: root, encoding: "utf8" });
  assert.deepStrictEqual([stdout, status], ["alive\n", 0]);
});

test("a process that ends with an open database loses nothing acknowledged, and ends", async (t) => {
  const place = await folder(t);
  const ends = {
    "by itself": "",
    "by process.exit": "process.exit(0);",
    "by an exception": "throw new Error('mine');",
    "by a signal": "process.kill(process.pid, 'SIGKILL');",
  };
  for (const [how, end] of Object.entries(ends)) {
    const file = path.join(place, `${how}.db`);
    run(
      file,
      `const db = await FerrumDB.open(file, { fsync: "never" }); for (let i = 0; i < 100; i++) await db.set("k" + i, i); ${end}`,
    );
    const db = await opened(t, file);
    assert.equal(await db.count(), 100, how);
    assert.equal((await db.stats()).recovery.clean, how !== "by a signal", how);
  }
});

test("what is under way keeps a process alive, and an open database does not", async (t) => {
  const file = path.join(await folder(t), "test.db");
  const calls = {
    "await db.get('missing'); console.log('ended')": "ended\n",
    "await db.set('a', 1); console.log(await db.get('a'))": "1\n",
    "for await (const { key } of db.watch()) { console.log(key); break; }": "from a timer\n",
    "db.on('change', () => {})": "",
  };
  for (const [code, expected] of Object.entries(calls)) {
    const timer = "setTimeout(() => db.set('from a timer', 1), 20).unref();";
    const needsTimer = code.includes("watch()");
    const { stdout, status } = run(
      file,
      `const db = await FerrumDB.open(file); ${needsTimer ? timer.replace(".unref()", "") : ""} ${code}`,
    );
    assert.deepStrictEqual([stdout, status], [expected, 0], code);
  }
});

test("Ferrum Studio is served until the database is closed", async (t) => {
  const db = await database(t);
  await db.set("user:1", { name: "alice" });
  const studio = await db.startStudio(0);
  assert.notEqual(studio.launchUrl, studio.launchUrl);
  const opened = await fetch(studio.launchUrl, { redirect: "manual" });
  assert.ok(opened.status < 400 && opened.headers.get("set-cookie"), `${opened.status}`);
  assert.equal((await fetch(`${studio.url}api/keys`)).ok, false);
  const { port } = studio;
  await assert.rejects(db.startStudio(70_000), { code: "FERRUMDB_INVALID_ARGUMENT" });
  await db.close();
  assert.deepStrictEqual([studio.url, studio.launchUrl, studio.port], [undefined, undefined, undefined]);
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
  await assert.rejects(db.startStudio(0), { code: "FERRUMDB_CLOSED" });
});
