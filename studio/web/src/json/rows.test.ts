// Owns the proof that a document's rows fold, are found, and say where they are.

import { expect, test } from "vitest";
import { parseJson } from "./parse.ts";
import { ancestors, depthToFold, rowsOf, search, segments } from "./rows.ts";

const DOCUMENT = parseJson('{"a":{"b/c":[10,{"~x":"Needle"}]},"needles":null}');

test("every value is a row while nothing is folded", () => {
  const rows = rowsOf(DOCUMENT, () => false);
  expect(rows.map(({ path, depth }) => [path, depth])).toEqual([
    ["", 0],
    ["/a", 1],
    ["/a/b~1c", 2],
    ["/a/b~1c/0", 3],
    ["/a/b~1c/1", 3],
    ["/a/b~1c/1/~0x", 4],
    ["/needles", 1],
  ]);
});

test("what is folded has no rows below it", () => {
  const rows = rowsOf(DOCUMENT, (path) => path === "/a");
  expect(rows.map(({ path }) => path)).toEqual(["", "/a", "/needles"]);
});

test("names and values are found in any case, and known by their path", () => {
  expect(search(DOCUMENT, "NEEDLE")).toEqual(["/a/b~1c/1/~0x", "/needles"]);
  expect(search(DOCUMENT, "")).toEqual([]);
});

test("a path names its segments and all that it lies in", () => {
  expect(segments("/a/b~1c/1/~0x")).toEqual(["a", "b/c", "1", "~x"]);
  expect(ancestors("/a/b~1c/1")).toEqual(["", "/a", "/a/b~1c"]);
  expect(ancestors("")).toEqual([]);
});

test("a large document begins folded, a small one does not", () => {
  expect(depthToFold(DOCUMENT)).toBe(Number.POSITIVE_INFINITY);
  const large = parseJson(JSON.stringify({ rows: Array.from({ length: 1000 }, (_, id) => ({ id })) }));
  expect(depthToFold(large)).toBe(1);
});
