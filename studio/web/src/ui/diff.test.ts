// Owns the proof that differences are told, and that texts become the same by following them.

import { expect, test } from "vitest";
import { diffOf } from "./diff.tsx";

test("a changed field is a line taken out and a line put in", () => {
  const lines = diffOf('{"a":1,"b":2}', '{"a":1,"b":3}').filter(({ kind }) => kind !== "same");
  expect(lines).toEqual([
    { kind: "removed", text: '  "b": 2' },
    { kind: "added", text: '  "b": 3' },
  ]);
});

test("far from any change, lines are left out and counted", () => {
  const before = JSON.stringify(Array.from({ length: 100 }, (_, index) => index));
  const after = before.replace("50", '"fifty"');
  const lines = diffOf(before, after);
  expect(lines.length).toBe(10);
  expect(lines[0]).toEqual({ kind: "left out", text: "48 lines alike" });
  expect(lines.at(-1)).toEqual({ kind: "left out", text: "47 lines alike" });
});

test("a new spelling of a number is a difference", () => {
  expect(diffOf("1.0", "1.00").map(({ kind }) => kind)).toEqual(["removed", "added"]);
});

test("a text that is no JSON is compared as it is", () => {
  expect(diffOf("", '{"a":1}').some(({ kind }) => kind === "added")).toBe(true);
  expect(diffOf("[1", "[1").every(({ kind }) => kind !== "added")).toBe(true);
});
