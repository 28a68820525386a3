// Owns the proof that a history tells what was measured, and nothing of when nothing was.

import { expect, test } from "vitest";
import type { Sample } from "../../api/schemas.ts";
import { Past } from "./history.ts";

const past = () =>
  Past.of({ step_ms: 1000, columns: { time: [10_000, 11_000, 13_000], documents: [1, 2, 3] } });

test("a column is told from a time on", () => {
  expect(past().since(11_000, ["documents"])).toEqual([
    [11, 13],
    [2, 3],
  ]);
  expect(past().since(20_000, ["documents"])).toEqual([[], []]);
});

test("where no samples were taken, there are no values", () => {
  const after = past();
  const sample = { time: 60_000, documents: 9 } as Sample;
  expect(after.add(sample, 100)).toBe(true);
  expect(after.add({ ...sample, time: 60_200 }, 100)).toBe(false);
  expect(after.since(0, ["documents", "gets_per_second"])).toEqual([
    [10, 11, 13, 14, 60],
    [1, 2, 3, null, 9],
    [null, null, null, null, null],
  ]);
});
