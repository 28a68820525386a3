// Owns how every page looks: its screenshots, that nothing is cut off at any width, and the rules of accessibility.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { api, type Looks, open, put, shot, violations, withBrowser, write } from "./browser.ts";

withBrowser();

const PLACES: Record<string, { at: string; prepare?: (page: Page) => Promise<void> }> = {
  overview: { at: "#/overview", prepare: (page) => page.locator(".chart canvas").first().waitFor() },
  keys: { at: "#/keys", prepare: (page) => page.locator(".key-row:not(.waiting)").first().waitFor() },
  tree: { at: "#/keys?v=tree", prepare: (page) => page.getByRole("treeitem").first().waitFor() },
  document: { at: "#/keys?k=config", prepare: (page) => page.locator(".value-row").first().waitFor() },
  editor: {
    at: "#/keys?k=config",
    prepare: async (page) => {
      await page.getByRole("radio", { name: "Edit" }).click();
      await write(page, '{\n  "theme": "dusk",\n  "limits": [1, 2,]\n}');
      await page.locator(".cm-lintRange-error").first().waitFor();
    },
  },
  history: {
    at: "#/keys?k=config",
    prepare: async (page) => {
      await page.getByRole("radio", { name: "History" }).click();
      await page.locator(".diff").waitFor();
    },
  },
  new: {
    at: "#/keys",
    prepare: async (page) => {
      await page.getByLabel("New document (n)").click();
      await page.locator(".cm-content").waitFor();
    },
  },
  palette: { at: "#/file", prepare: (page) => page.keyboard.press("Control+k") },
  find: {
    at: "#/find?w=range&f=age",
    prepare: async (page) => {
      await page.getByLabel("From").fill("30");
      await page.getByRole("button", { name: "Find", exact: true }).click();
      await page.locator(".found-row").first().waitFor();
    },
  },
  indexes: { at: "#/indexes", prepare: (page) => page.getByRole("row", { name: /age/ }).waitFor() },
  changes: {
    at: "#/changes?p=looks:",
    prepare: async (page) => {
      await page.getByText("following").waitFor();
      for (let number = 0; number < 3; number++) await put(`looks:${number}`, { number, at: Date.now() });
      await page
        .getByRole("option", { name: /looks:1/ })
        .first()
        .click();
      await page.locator(".diff, .change-detail").first().waitFor();
    },
  },
  upkeep: { at: "#/upkeep" },
  file: { at: "#/file" },
};

const LOOKS: Record<string, Looks> = {
  "wide-light": { width: 1440, height: 900, scheme: "light" },
  "wide-dark": { width: 1440, height: 900, scheme: "dark" },
  "phone-dark": { width: 360, height: 740, scheme: "dark" },
};

test.each(
  Object.entries(PLACES).flatMap(([name, place]) =>
    Object.entries(LOOKS).map(([look, looks]) => ({ name, place, look, looks })),
  ),
)("$name, $look", async ({ name, place, look, looks }) => {
  const page = await open(place.at, looks);
  await place.prepare?.(page);
  await shot(page, `${name}-${look}`);
  expect(
    await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
    "wider than the window",
  ).toBe(true);
  expect(await violations(page)).toEqual([]);
});

test.each(["overview", "keys"])("%s at 4K is as large as the text", async (name) => {
  const page = await open(`#/${name}`, { width: 3840, height: 2160 });
  await PLACES[name]?.prepare?.(page);
  await shot(page, `${name}-4k`);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  const [text, icon] = await page.evaluate(() => [
    Number.parseFloat(getComputedStyle(document.documentElement).fontSize),
    document.querySelector("nav svg")?.getBoundingClientRect().height ?? 0,
  ]);
  expect(text).toBeGreaterThan(20);
  expect(icon).toBeGreaterThan(text);
});

test.each(["overview", "keys", "find", "indexes", "changes", "upkeep"])(
  "%s of a database without a document says so, and is accessible",
  async (name) => {
    const page = await open(`#/${name}`, { by: "empty", scheme: "dark" });
    const told: Record<string, string> = {
      keys: "There is no document yet",
      indexes: "This collection has no index",
      changes: "Waiting for the next commit",
    };
    if (name === "overview") {
      await page.locator(".chart canvas").first().waitFor();
      await page.locator(".chart-space.nothing").first().waitFor();
    } else if (told[name]) await page.getByText(told[name]).waitFor();
    await shot(page, `empty-${name}`);
    expect(await violations(page)).toEqual([]);
  },
);

test("an encrypted database says that it is", async () => {
  const page = await open("#/file", { by: "empty" });
  await page.getByText("AES-256-GCM, every record").waitFor();
});

test("the follower's pages are accessible, too", async () => {
  for (const name of ["overview", "upkeep"]) {
    const page = await open(`#/${name}`, { by: "follower" });
    await shot(page, `follower-${name}`);
    expect(await violations(page)).toEqual([]);
  }
});

test("the conflict, the difference and the questions are accessible, too", async () => {
  await put("looked at", { a: 1 });
  const page = await open("#/keys?k=looked%20at");
  await page.getByLabel("Delete", { exact: true }).click();
  await page.getByText(/will be deleted/).waitFor();
  expect(await violations(page)).toEqual([]);
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("radio", { name: "Edit" }).click();
  await write(page, '{"a": 2}');
  await page.getByRole("button", { name: "Review and store" }).click();
  expect(await violations(page)).toEqual([]);
  await put("looked at", { a: 3 });
  await page.getByRole("button", { name: "Store", exact: true }).click();
  await page.getByRole("dialog", { name: "Somebody else has changed it" }).waitFor();
  await shot(page, "conflict");
  expect(await violations(page)).toEqual([]);
  expect((await api<{ text: string }>("GET", "document?key=looked%20at")).text).toBe('{"a":3}');
});
