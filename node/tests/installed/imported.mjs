// Owns the proof that an installed package can be imported, and is the same as the one that is required.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { Decimal, FerrumDB, FerrumDBError, Transaction } from "ferrumdb";

assert.deepStrictEqual(createRequire(import.meta.url)("ferrumdb"), { Decimal, FerrumDB, FerrumDBError, Transaction });
const db = await FerrumDB.open(`imported-${process.version}.db`);
await db.set("user:1", { name: "alice" });
for await (const [key, { name }] of db.entries({ prefix: "user:" }))
  assert.deepStrictEqual([key, name], ["user:1", "alice"]);
await db.close();
console.log("imported: ok");
