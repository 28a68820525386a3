// Owns the proof that figures and keys are written as people read them.

import { expect, test } from "vitest";
import { bytes, nanos, percent, short, span, visible } from "./format.ts";

test("sizes, counts and times have the unit that fits", () => {
  expect([0, 999, 1000, 999_499, 999_500, 61e6, 1.5e12].map(bytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "999 kB",
    "1.0 MB",
    "61.0 MB",
    "1.5 TB",
  ]);
  expect([0, 1.25, 950, 9999, 12_345, 4.56e6, 2e9].map(short)).toEqual([
    "0",
    "1.3",
    "950",
    "9,999",
    "12.3k",
    "4.6M",
    "2.0G",
  ]);
  expect([0, 450, 2100, 1.2e6, 9.99e8, 2e9].map(nanos)).toEqual([
    "0 ms",
    "450 ns",
    "2.1 µs",
    "1.2 ms",
    "999 ms",
    "2 s",
  ]);
  expect([
    percent(1, 1),
    percent(1, 3),
    percent(11, 100),
    percent(1, 1e6),
    percent(999_999, 1e6),
    percent(0, 5),
    percent(1, 0),
  ]).toEqual(["100 %", "33.3 %", "11.0 %", "< 0.1 %", "> 99.9 %", "0 %", "–"]);
  expect([0, 61_000, 3_600_000, 90_061_000].map(span)).toEqual(["0 s", "1 min 1 s", "1 h", "1 d 1 h"]);
});

test("what cannot be seen in a key is made visible, and nothing else changes", () => {
  expect(visible("")).toBe("(empty key)");
  expect(visible("a\tb\u0000")).toBe("a␉b␀");
  expect(visible("x\u202ecod")).toBe("x\\u{202e}cod");
  expect(visible("  a b ")).toBe("␣␣a b␣");
  expect(visible("naïve ключ 😀 <b>")).toBe("naïve ключ 😀 <b>");
});
