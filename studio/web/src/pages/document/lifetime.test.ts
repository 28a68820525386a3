// Owns the proof that a time to live is read as it is written.

import { expect, test } from "vitest";
import { lifetimeOf } from "./lifetime.ts";

test("times add up, nothing is for ever, and what is no time is none", () => {
  expect(lifetimeOf("90 s")).toBe(90_000);
  expect(lifetimeOf("2 h 30 min")).toBe(9_000_000);
  expect(lifetimeOf("1.5h")).toBe(5_400_000);
  expect(lifetimeOf("7d")).toBe(604_800_000);
  expect(lifetimeOf(" 15 m ")).toBe(900_000);
  expect(lifetimeOf("")).toBeNull();
  for (const text of ["soon", "5", "5 x", "5 s or so", "-1 s", "0 s", "s"])
    expect(lifetimeOf(text)).toBeUndefined();
});
