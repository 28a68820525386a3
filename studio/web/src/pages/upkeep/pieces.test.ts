// Owns the proof that a file's pieces are the file, cut at line ends.

import { expect, test } from "vitest";
import { atLine, atRow, headOf, pieces } from "./pieces.ts";

function stream(text: string, chunk: number): ReadableStream<Uint8Array> {
  const all = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= all.length) controller.close();
      else controller.enqueue(all.slice(at, at + chunk));
      at += chunk;
    },
  });
}

test.each([1, 3, 7, 1000])("pieces of a stream that comes %i bytes at a time", async (chunk) => {
  const text = Array.from({ length: 50 }, (_, index) => `{"key":"ключ ${index}"}`).join("\n");
  const cut = [];
  for await (const piece of pieces(stream(text, chunk), 100, atLine)) cut.push(piece);
  expect(cut.map((piece) => piece.text).join("")).toBe(text);
  expect(cut.length).toBeGreaterThan(chunk < 1000 ? 5 : 0);
  for (const piece of cut.slice(0, -1)) expect(piece.text.endsWith("\n")).toBe(true);
  for (const piece of cut) expect(piece.text.startsWith(text.split("\n")[piece.line - 1] ?? "?")).toBe(true);
});

test.each([1, 5, 64])("a table is cut between its rows, which come %i bytes at a time", async (chunk) => {
  const row = (index: number) => `${index},"two\nlines, ""quoted""",\r\n`;
  const head = 'id,"a\nname"\r\n';
  const text = head + Array.from({ length: 40 }, (_, index) => row(index)).join("");
  expect(headOf(text)).toBe(head);
  const cut = [];
  for await (const piece of pieces(stream(text, chunk), 100, atRow)) cut.push(piece);
  expect(cut.map((piece) => piece.text).join("")).toBe(text);
  expect(cut.length).toBeGreaterThan(5);
  for (const piece of cut) expect(piece.text).toMatch(/^(id|\d+),[\s\S]*,\r\n$/);
  for (const piece of cut.slice(1)) expect(text.split("\n")[piece.line - 1]).toBe(piece.text.split("\n")[0]);
});

test("a line that is longer than a piece stays whole", async () => {
  const text = `short\n${"x".repeat(1000)}\nshort`;
  const cut = [];
  for await (const piece of pieces(stream(text, 7), 50, atLine)) cut.push(piece.text);
  expect(cut.join("")).toBe(text);
  expect(cut.some((piece) => piece.includes("x".repeat(1000)))).toBe(true);
});

test("what is no UTF-8 is refused", async () => {
  const bad = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array([0x7b, 0xff, 0x7d]));
      controller.close();
    },
  });
  await expect(async () => {
    for await (const _ of pieces(bad, 10, atLine));
  }).rejects.toThrow(TypeError);
});
