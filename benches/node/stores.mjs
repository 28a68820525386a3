// Owns the other stores as the measurements use them: each with JSON as its values, as its users would have it. Never tunes
// one to lose.
import path from "node:path";
import Sqlite from "better-sqlite3";
import { ClassicLevel } from "classic-level";
import { open as openLmdb } from "lmdb";

/** All of them in a folder: a write of a durable one answers when it was synced. */
export async function open(folder, name, isDurable) {
  const place = (kind) => path.join(folder, `${name}.${kind}`);
  const stores = [lmdb(place("lmdb"), isDurable), sqlite("better-sqlite3", new Sqlite(place("sqlite")), isDurable)];
  stores.push(await level(place("level"), isDurable));
  const { DatabaseSync } = await import("node:sqlite").catch(() => ({}));
  if (DatabaseSync) stores.push(sqlite("node:sqlite", new DatabaseSync(place("node-sqlite")), isDurable));
  return stores;
}

function lmdb(file, isDurable) {
  const db = openLmdb({ path: file, encoding: "json", noSync: !isDurable, overlappingSync: false });
  return {
    name: "lmdb",
    get: (key) => db.get(key),
    put: (key, value) => void db.put(key, value),
    // Puts of one turn of the loop become one transaction.
    putAwaited: (key, value) => db.put(key, value),
    settle: () => db.flushed,
    close: () => db.close(),
  };
}

function sqlite(name, db, isDurable) {
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${isDurable ? "FULL" : "OFF"}`);
  db.exec("CREATE TABLE kv (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID");
  const [select, insert] = ["SELECT value FROM kv WHERE key = ?", "INSERT OR REPLACE INTO kv VALUES (?, ?)"].map(
    (sql) => db.prepare(sql),
  );
  const put = (key, value) => void insert.run(key, JSON.stringify(value));
  return {
    name,
    get: (key) => JSON.parse(select.get(key).value),
    put,
    putAwaited: async (key, value) => put(key, value),
    settle: async () => {},
    close: () => db.close(),
  };
}

async function level(folder, isDurable) {
  const db = new ClassicLevel(folder, { valueEncoding: "json" });
  await db.open();
  const underWay = [];
  return {
    name: "classic-level",
    get: (key) => db.getSync(key),
    put: (key, value) => void underWay.push(db.put(key, value)),
    putAwaited: (key, value) => db.put(key, value, { sync: isDurable }),
    settle: () => Promise.all(underWay),
    close: () => db.close(),
  };
}
