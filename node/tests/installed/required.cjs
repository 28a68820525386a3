// Owns the proof that an installed package can be required.
const assert = require("node:assert/strict");
const { FerrumDB, FerrumDBError, Transaction } = require("ferrumdb");

async function main() {
  const db = await FerrumDB.open(`required-${process.version}.db`);
  await db.commit(new Transaction().set("user:1", { name: "alice" }));
  assert.deepStrictEqual(await db.get("user:1"), { name: "alice" });
  await assert.rejects(db.insert("user:1", 1), FerrumDBError);
  await db.close();
}

main().then(() => console.log("required: ok"));
