// Owns the proof that the programs in the guide do what they say: those of a page are one program, in a folder of its own.
"use strict";

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { folder } = require("./support.js");

const pages = path.join(__dirname, "..", "..", "docs", "node");

for (const page of readdirSync(pages)) {
  test(`the programs of ${page} run`, async (t) => {
    const place = await folder(t);
    mkdirSync(path.join(place, "node_modules"));
    symlinkSync(path.dirname(__dirname), path.join(place, "node_modules", "ferrumdb"));
    const blocks = readFileSync(path.join(pages, page), "utf8").matchAll(/^```js\n(.*?)^```$/gms);
    const code = Array.from(blocks, ([, block]) => block).join("\n");
    assert.notEqual(code, "");
    writeFileSync(path.join(place, "page.mjs"), `${code}\nconsole.log("the end");\n`);
    const { stdout, stderr } = spawnSync(process.execPath, ["page.mjs"], { cwd: place, encoding: "utf8" });
    assert.ok(stdout.endsWith("the end\n"), stderr);
  });
}
