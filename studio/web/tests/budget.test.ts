// Owns what the page may weigh until something is seen, and what may be in its files at all.

import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { open, withBrowser } from "./browser.ts";

withBrowser();

const DIST = new URL("../dist/", import.meta.url);
const FIRST_PAINT_BYTES_MAX = 50_000;

const zipped = (path: string) => gzipSync(readFileSync(new URL(path, DIST)), { level: 9 }).length;

test.each(["#/overview", "#/keys"])(
  "what %s fetches until it is first seen is under 50 kB",
  async (place) => {
    const page = await open(place, { begin: nothingUntilPaint });
    await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
    const fetched = await page.evaluate(() => {
      const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN;
      const files = performance.getEntriesByType("resource") as PerformanceResourceTiming[];
      // A file that was asked for before counts, though it came later.
      return files
        .filter(({ startTime }) => startTime <= paint)
        .map(({ name }) => new URL(name).pathname.slice(1));
    });
    const assets = fetched.filter((path) => path.startsWith("assets/"));
    expect(assets.length).toBeGreaterThan(2);
    const total = ["index.html", ...assets].reduce((sum, path) => sum + zipped(path), 0);
    expect(total).toBeGreaterThan(10_000);
    expect(total).toBeLessThan(FIRST_PAINT_BYTES_MAX);
  },
);

/** What the overview shows comes once something is seen: on a slow screen it might be quicker than the screen. */
function nothingUntilPaint(): void {
  const { fetch } = window;
  window.fetch = async (what, how) => {
    while (
      `${what}`.includes("overview") &&
      performance.getEntriesByName("first-contentful-paint").length === 0
    )
      await new Promise((resolve) => setTimeout(resolve, 5));
    return fetch(what, how);
  };
}

test("charts and the editor are no part of the beginning", async () => {
  const entry = readFileSync(new URL("index.html", DIST), "utf8");
  expect(entry).not.toMatch(/plot|codemirror/);
  const all = readdirSync(new URL("assets/", DIST));
  expect(all.filter((name) => /^(plot|codemirror)-.*\.js$/.test(name))).toHaveLength(2);
});

test("no file of the page names an address to fetch from, and none has an inline script or style", () => {
  for (const name of [
    "index.html",
    ...readdirSync(new URL("assets/", DIST)).map((file) => `assets/${file}`),
  ]) {
    const text = readFileSync(new URL(name, DIST), "utf8");
    // Names of namespaces are never fetched.
    const addresses = [...text.matchAll(/(?:https?:)?\/\/[a-z0-9-]+(?:\.[a-z0-9-]+)+/gi)].map(
      ([address]) => address,
    );
    expect(
      addresses.filter((address) => !/^http:\/\/www\.w3\.org$/.test(address)),
      name,
    ).toEqual([]);
    if (name.endsWith(".css")) expect(text, name).not.toMatch(/@import|url\((?!data:)/);
    if (name.endsWith(".html"))
      expect(text, name).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=/);
  }
});
