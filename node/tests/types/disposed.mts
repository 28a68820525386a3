// Owns the proof that resources can be declared with `await using`, from a module.
import { FerrumDB } from "../../index.mjs";

await using db = await FerrumDB.open<Record<string, number>>("my.db");
await using snapshot = db.snapshot();
await using entries = snapshot.entries();
await using watch = db.watch();
for await (const [, value] of entries) value.toFixed();
watch.close();
