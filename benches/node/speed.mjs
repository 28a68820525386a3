// Owns the measurements of the Node package beside other stores. Never compares figures of two runs: the rounds of all stores
// take turns, and medians are told.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import * as stores from "./stores.mjs";

const { FerrumDB } = createRequire(import.meta.url)("../../node/index.js");

const ROUNDS = Number(process.argv[2] ?? 11);
const DOCUMENTS = 10_000;
const READS = 50_000;
const SETS = 20_000;
const DURABLE = 1_000;
const CALLERS = 100;

const folder = mkdtempSync(path.join(process.env.BENCH_FOLDER ?? tmpdir(), "ferrumdb-speed-"));
const keys = Array.from({ length: DOCUMENTS }, (_, n) => `user:${String(n).padStart(8, "0")}`);

/** How many documents there were: a store that is given what it has already may write nothing. */
let made = 0;

/** A document of 300 bytes, and another one each time. */
const document = (n) => ({
  id: keys[n % DOCUMENTS],
  name: "Alice Johnson",
  email: "alice.johnson@example.com",
  role: n % 10 ? "guest" : "admin",
  age: 18 + (n % 60),
  score: 88.25,
  tags: ["a", "bb", "ccc"],
  address: { street: "1 Main Street", city: "Springfield", zip: "12345" },
  active: true,
  visits: 1_000_000 + made++,
  bio: "Some text, so that there are 300 bytes of it.",
});
const texts = keys.map((_, n) => JSON.stringify(document(n)));

const median = (figures) => figures.sort((a, b) => a - b)[figures.length >> 1];

/** Runs each of `works` in turn, ROUNDS times, and gives the median nanoseconds of one of `count` operations. */
async function measure(count, works) {
  const figures = Object.fromEntries(Object.keys(works).map((name) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, work] of Object.entries(works)) {
      const begin = performance.now();
      await work(round);
      // The first round warms up.
      if (round > 0) figures[name].push(((performance.now() - begin) * 1e6) / count);
    }
  }
  return Object.fromEntries(Object.entries(figures).map(([name, all]) => [name, median(all)]));
}

/** `count` writes by CALLERS callers, each of which awaits one before its next. */
async function concurrently(count, write) {
  let next = 0;
  const caller = async () => {
    while (next < count) await write(next++);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

async function reads() {
  const peers = await stores.open(folder, "reads", false);
  const db = await FerrumDB.open(path.join(folder, "reads.db"), { fsync: "never" });
  for (const [n, key] of keys.entries()) {
    for (const peer of peers) peer.put(key, document(n));
    await db.set(key, document(n));
    await db.get(key);
  }
  await Promise.all(peers.map((peer) => peer.settle()));
  const each = (read) => () => {
    for (let n = 0; n < READS; n++) read(keys[(n * 7) % DOCUMENTS], n);
  };
  const figures = await measure(READS, {
    "JSON.parse alone": each((_, n) => JSON.parse(texts[(n * 7) % DOCUMENTS])),
    "ferrumdb: await get": async () => {
      for (let n = 0; n < READS; n++) await db.get(keys[(n * 7) % DOCUMENTS]);
    },
    "ferrumdb: getSync": each((key) => db.getSync(key)),
    "ferrumdb: getRawSync": each((key) => db.getRawSync(key)),
    ...Object.fromEntries(peers.map((peer) => [`${peer.name}: get`, each((key) => peer.get(key))])),
  });
  print("Reads of one document in memory", "ns each", figures, (figure) => figure.toFixed(0));
  await db.close();
  for (const peer of peers) await peer.close();
}

async function writes(isDurable) {
  const count = isDurable ? DURABLE : SETS;
  const name = isDurable ? "durable" : "writes";
  const peers = await stores.open(folder, name, isDurable);
  const db = await FerrumDB.open(path.join(folder, `${name}.db`), { fsync: isDurable ? "always" : "never" });
  // In the first round V8 has compiled nothing yet.
  const longest = { first: 0, later: 0 };
  const watched = async (round, work) => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await work();
    delay.disable();
    const when = round === 0 ? "first" : "later";
    longest[when] = Math.max(longest[when], delay.max / 1e6);
  };
  const figures = await measure(count, {
    "ferrumdb: set": (round) =>
      watched(round, () => concurrently(count, (n) => db.set(keys[n % DOCUMENTS], document(n)))),
    ...Object.fromEntries(
      peers.map((peer) => [
        `${peer.name}: put`,
        () => concurrently(count, (n) => peer.putAwaited(keys[n % DOCUMENTS], document(n))),
      ]),
    ),
  });
  const title = `${CALLERS} callers that each await a write${isDurable ? ", durable" : ", no sync"}`;
  print(title, "a second", figures, (figure) => (1e9 / figure).toFixed(0));
  const [first, later] = [longest.first, longest.later].map((millis) => `${millis.toFixed(1)} ms`);
  console.log(`\nThe longest delay of the event loop while ferrumdb wrote: ${later}, and ${first} in the first round.`);
  await db.close();
  for (const peer of peers) await peer.close();
}

function print(title, unit, figures, show) {
  console.log(`\n### ${title}\n\n| | ${unit} |\n|---|---|`);
  for (const [name, figure] of Object.entries(figures)) console.log(`| ${name} | ${show(figure)} |`);
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0].model}, documents of ${texts[0].length} bytes,`);
console.log(`${DOCUMENTS} of them, medians of ${ROUNDS} rounds that take turns.`);
try {
  await reads();
  await writes(false);
  await writes(true);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
