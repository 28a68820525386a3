// Owns the proof that the types say what the calls do, and refuse what they do not take.
import { expectAssignable, expectError, expectNotAssignable, expectType } from "tsd";
import { type Change, type Collection, Decimal, FerrumDB, FerrumDBError, type Snapshot, Transaction } from "../..";

interface User {
  name: string;
  role: "admin" | "guest";
}
interface Schema {
  [user: `user:${string}`]: User;
  visits: number;
}

async function main() {
  const db = await FerrumDB.open<Schema, { orders: { total: number } }>("my.db", { fsync: "periodic:100" });
  expectType<User | undefined>(await db.get("user:1"));
  expectType<number | undefined>(await db.get("visits"));
  expectType<number | undefined>(db.getSync("visits"));
  expectType<(User | undefined)[]>(await db.getMany(["user:1", "user:2"]));
  expectError(db.get("nobody"));
  expectType<number>(await db.set("user:1", { name: "alice", role: "admin" }));
  expectError(db.set("user:1", { name: "alice" }));
  expectError(db.set("visits", "many"));
  expectType<boolean>(await db.delete("user:1"));
  expectType<string | undefined>(await db.getRaw("user:1"));
  expectType<{ value: User; version: number } | undefined>(await db.getWithVersion("user:1"));
  expectAssignable<string[]>(await db.find("role", "admin"));
  expectAssignable<string[]>(await db.find("due", new Date()));
  expectAssignable<string[]>(await db.find("price", new Decimal("9.90")));
  expectAssignable<string[]>(await db.find("place", { at: new Date(), tags: [Buffer.from("a")] }));
  expectAssignable<string[]>(await db.findRange("due", { gte: new Date(0), lt: new Date() }));
  expectError(db.find("role", undefined));
  expectError(db.find("role", () => 1));
  for await (const [key, value] of db.entries({ prefix: "user:", limit: 10 })) {
    expectAssignable<string>(key);
    expectType<User | number>(value);
  }
  expectError(db.entries({ from: "a" }));
  expectAssignable<string[]>(await db.keys({ prefix: "user:", reverse: true, limit: 10 }));
  expectError(db.keys({ from: "a" }));

  const orders = db.collection("orders");
  expectType<Collection<Record<string, { total: number }>>>(orders);
  expectType<{ total: number } | undefined>(await orders.get("any"));
  expectError(db.collection("unknown"));

  const snapshot = db.snapshot();
  expectType<Snapshot<Schema>>(snapshot);
  expectType<number | undefined>(snapshot.getSync("visits"));
  expectError(snapshot.set("visits", 1));

  expectType<number>(await db.transact(async (tx) => ((await tx.get("visits")) ?? 0) + 1));
  await db.transact(async (tx) => {
    expectAssignable<string[]>(await tx.findRange("role", { gte: "a", reverse: true, limit: 1 }));
    for (const [, value] of await tx.findRangeEntries("role")) expectType<User | number>(value);
    for (const [, value] of await tx.findEntries("role", "admin")) expectType<User | number>(value);
  });
  expectType<number>(await db.updateWith("visits", (old) => (old ?? 0) + 1));
  expectType<number>(await db.commit(new Transaction().set("a", 1).delete("b").ifAbsent("c")));
  for await (const change of db.watch({ since: 3, collection: null })) expectType<Change<any>>(change);
  db.on("change", (change) => expectType<User | number | undefined>(change.after));

  expectType<string>(new Decimal("9.90").toString());
  expectError(new Decimal(new Date()));

  const untyped = await FerrumDB.openInMemory();
  expectType<any>(await untyped.get("anything"));
  expectType<Collection<Record<string, any>>>(untyped.collection("any"));
  expectError(FerrumDB.open("x.db", { fsync: "sometimes" }));
  const error: unknown = undefined;
  if (error instanceof FerrumDBError) {
    expectAssignable<string>(error.code);
    expectNotAssignable<typeof error.code>("FERRUMDB_NO_SUCH_CODE");
  }
  await db.close();
}

void main();
