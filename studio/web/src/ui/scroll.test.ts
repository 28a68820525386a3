// Owns the proof that every row of a list longer than a browser can lay out is reached, and none is skipped.

import { expect, test } from "vitest";
import { HEIGHT_MAX, ScrollSpan } from "./scroll.ts";

const ROW = 30;
const VIEW = 600;

test("a short list scrolls as the browser does", () => {
  const span = new ScrollSpan(1000 * ROW, VIEW);
  for (const at of [0, 10, 400, 5000, 1000 * ROW - VIEW]) {
    span.scrolled(at);
    expect(span.top).toBe(at);
    expect(span.place(at)).toBe(at);
  }
});

test("small steps move by as much, however long the list is", () => {
  const span = new ScrollSpan(10_000_000 * ROW, VIEW);
  span.moveTo(150_000_000);
  for (let step = 0; step < 100; step++) {
    const before = span.top;
    span.scrolled(span.physical + 100);
    expect(span.top - before).toBeCloseTo(100, 3);
  }
});

test("the scrollbar's ends are the list's ends, and its middle the middle", () => {
  const span = new ScrollSpan(10_000_000 * ROW, VIEW);
  const room = span.height - VIEW;
  expect(span.height).toBe(HEIGHT_MAX);
  span.scrolled(room);
  expect(span.top).toBe(span.total - VIEW);
  span.scrolled(room / 2);
  expect(span.top).toBeCloseTo((span.total - VIEW) / 2, 0);
  span.scrolled(0);
  expect(span.top).toBe(0);
});

test("after small steps the scrollbar goes where it belongs, and the rows stay", () => {
  const span = new ScrollSpan(10_000_000 * ROW, VIEW);
  span.scrolled(1000);
  span.scrolled(2000);
  const top = span.top;
  span.settle();
  expect(span.top).toBeCloseTo(top, 6);
  expect(span.physical / (span.height - VIEW)).toBeCloseTo(top / (span.total - VIEW), 9);
});

test("what is shown lies within the element that the browser scrolls", () => {
  const span = new ScrollSpan(10_000_000 * ROW, VIEW);
  span.moveTo(span.total);
  expect(span.place(span.total - ROW)).toBeCloseTo(span.height - ROW, 0);
});
