// Owns the proof that the example does what its page says.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(path.join(tmpdir(), "notes-"));
after(() => rmSync(folder, { recursive: true }));

function notes(...words) {
  const program = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), "notes.mjs");
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [program, "--database", path.join(folder, "n.db"), ...words],
    {
      encoding: "utf8",
    },
  );
  return status === 0 ? stdout.trimEnd() : `${status}: ${stderr.trimEnd()}`;
}

test("notes are taken, found, changed, thrown away and brought back", () => {
  assert.equal(notes("add", "call #Anna about the #garden"), "note 1");
  assert.equal(notes("add", "buy seeds #garden"), "note 2");
  assert.equal(notes("pin", "2"), "");
  assert.equal(notes("list"), "   1   call #Anna about the #garden\n   2 * buy seeds #garden");
  assert.equal(notes("edit", "1", "call #Anna"), "");
  assert.equal(notes("list", "garden"), "   2 * buy seeds #garden");
  assert.deepStrictEqual(
    notes("history", "1")
      .split("\n")
      .map((line) => line.replace(/^\S+ {2}/, "")),
    ["call #Anna", "call #Anna about the #garden"],
  );
  assert.equal(notes("remove", "1"), "");
  assert.equal(notes("remove", "1"), "1: there is no note 1");
  assert.equal(notes("list"), "   2 * buy seeds #garden");
  assert.equal(notes("restore", "1"), "");
  assert.equal(notes("list", "Anna"), "   1   call #Anna");
  assert.match(notes("backup", path.join(folder, "copy.db")), /^\d+ records$/);
  assert.match(notes("sing"), /^2: usage/);
});
