// Owns the proof that the programs in the guide and in what is read first do what they say: those of a page are one program,
// in a folder of its own.
"use strict";

const assert = require("node:assert/strict");
const { spawnSync } = require("node:child_process");
const { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { test } = require("node:test");
const { folder } = require("./support.js");

const root = path.join(__dirname, "..", "..");
const pages = readdirSync(path.join(root, "docs", "node")).map((page) => path.join("docs", "node", page));

for (const page of ["README.md", path.join("node", "README.md"), ...pages]) {
  test(`the programs of ${page} run`, async (t) => {
    const place = await folder(t);
    mkdirSync(path.join(place, "node_modules"));
    symlinkSync(path.dirname(__dirname), path.join(place, "node_modules", "ferrumdb"));
    const blocks = readFileSync(path.join(root, page), "utf8").matchAll(/^```js\n(.*?)^```$/gms);
    const code = Array.from(blocks, ([, block]) => block).join("\n");
    assert.notEqual(code, "");
    const requires = code.includes('require("ferrumdb")') ? 'import { createRequire } from "node:module";' : "";
    const program = requires && `${requires}\nconst require = createRequire(import.meta.url);\n`;
    writeFileSync(path.join(place, "page.mjs"), `${program}${code}\nconsole.log("the end");\n`);
    const { stdout, stderr } = spawnSync(process.execPath, ["page.mjs"], { cwd: place, encoding: "utf8" });
    assert.ok(stdout.endsWith("the end\n"), stderr);
  });
}
