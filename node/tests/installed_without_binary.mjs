// Owns the proof that an installation without its binary says what to do. It is given the folder of one, and takes the
// binary away there.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
const binary = join(folder, "node_modules", "@ferrumdb", "linux-x64-gnu");
const load = (before = "") => {
  const { status, stderr } = spawnSync(process.execPath, ["-e", `${before}; require("ferrumdb")`], {
    cwd: folder,
    encoding: "utf8",
  });
  assert.equal(status, 1);
  return stderr;
};

writeFileSync(join(binary, "ferrumdb.node"), "broken");
assert.match(load(), /@ferrumdb\/linux-x64-gnu, .*cannot be loaded: .*ferrumdb\.node/);
rmSync(binary, { recursive: true });
const told = load();
assert.match(told, /the package @ferrumdb\/linux-x64-gnu is not installed/);
assert.match(told, /\(linux, x64, glibc\)/);
assert.match(told, /npm install @ferrumdb\/linux-x64-gnu@\d/);
assert.match(told, /FERRUMDB_NO_BINARY/);
assert.match(
  load('Object.defineProperty(process, "arch", { value: "mips" })'),
  /no binary for this platform \(linux, mips, glibc\)/,
);
console.log("without a binary: ok");
