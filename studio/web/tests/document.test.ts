// Owns the story of one document: reading it, changing it, somebody else being quicker, and what it was before.

import { expect, test } from "vitest";
import { api, open, put, stored, withBrowser, write } from "./browser.ts";

withBrowser();

const place = (key: string) => `#/keys?k=${encodeURIComponent(key)}`;

test("numbers are shown as they are stored, whatever a browser could hold", async () => {
  const page = await open(place("numbers"));
  for (const number of ["18446744073709551615", "-9223372036854775808", "1.50"])
    await page.getByText(number, { exact: true }).waitFor();
});

test("a document folds and unfolds by keys, and is searched", async () => {
  await put("nested", { outer: { inner: [{ name: "needle" }, { name: "hay" }] }, other: "Needle too" });
  const page = await open(place("nested"));
  const row = page.locator(".value-row");
  await expect.poll(() => row.count()).toBe(8);
  await page.getByLabel("Fold all", { exact: true }).click();
  await expect.poll(() => row.count()).toBe(3);
  await page.getByLabel("Search in the document").fill("needle");
  await page.getByText("1 of 2").waitFor();
  await page.locator(".value-row.hit", { hasText: "needle" }).waitFor();
  await page.keyboard.press("Enter");
  await page.locator(".value-row.hit", { hasText: "Needle too" }).waitFor();
  await page.getByRole("tree", { name: "Document" }).focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => row.count()).toBe(1);
  await page.keyboard.press("ArrowRight");
  await expect.poll(() => row.count()).toBeGreaterThan(1);
});

test("a change is checked as it is typed, shown before it is stored, and then stored", async () => {
  await put("edited", { name: "before", kept: 1 });
  const page = await open(place("edited"));
  await page.getByRole("radio", { name: "Edit" }).click();
  await write(page, '{"name": "x", "name": "y"}');
  await page.locator(".cm-lintRange-error").first().waitFor();
  expect(await page.getByRole("button", { name: "Review and store" }).isDisabled()).toBe(true);
  await write(page, '{"name": "after", "kept": 1}');
  await page.getByRole("button", { name: "Review and store" }).click();
  const dialog = page.getByRole("dialog", { name: "Store the changes" });
  expect(await dialog.locator(".line.removed").textContent()).toContain('"name": "before",');
  expect(await dialog.locator(".line.added").textContent()).toContain('"name": "after",');
  expect(await stored("edited")).toBe('{"name":"before","kept":1}');
  await dialog.getByRole("button", { name: "Store" }).click();
  await expect.poll(() => stored("edited")).toBe('{"name":"after","kept":1}');
  await page.getByText('"after"').waitFor();
});

test("the editor is fetched when somebody first edits, and not before", async () => {
  await put("late", 1);
  const page = await open(place("late"));
  const fetched: string[] = [];
  page.on("request", (request) => fetched.push(request.url()));
  await page.locator(".value-row").waitFor();
  expect(fetched.filter((url) => url.includes("codemirror"))).toEqual([]);
  await page.getByRole("radio", { name: "Edit" }).click();
  await page.locator(".cm-content").waitFor();
  expect(fetched.filter((url) => url.includes("codemirror"))).toHaveLength(1);
});

test("a conflict shows both sides and stores nothing by itself", async () => {
  await put("contested", { a: 1, b: 1 });
  const page = await open(place("contested"));
  await page.getByRole("radio", { name: "Edit" }).click();
  await write(page, '{"a": 2, "b": 1}');
  await put("contested", { a: 1, b: 3 });
  await page.getByRole("button", { name: "Review and store" }).click();
  await page.getByRole("button", { name: "Store", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Somebody else has changed it" });
  await dialog.waitFor();
  expect(await dialog.getByRole("region", { name: "Theirs" }).locator(".line.added").textContent()).toContain(
    '"b": 3',
  );
  expect(await dialog.getByRole("region", { name: "Yours" }).locator(".line.added").textContent()).toContain(
    '"a": 2',
  );
  expect(await stored("contested")).toBe('{"a":1,"b":3}');
  await dialog.getByRole("button", { name: "Store yours over it" }).click();
  await expect.poll(() => stored("contested")).toBe('{"a":2,"b":1}');
});

test("after a conflict theirs can be kept", async () => {
  await put("yielded", "first");
  const page = await open(place("yielded"));
  await page.getByRole("radio", { name: "Edit" }).click();
  await write(page, '"mine"');
  await put("yielded", "theirs");
  await page.keyboard.press("Control+s");
  await page.getByRole("button", { name: "Store", exact: true }).click();
  await page.getByRole("button", { name: "Keep theirs" }).click();
  await page.getByText('"theirs"').waitFor();
  expect(await stored("yielded")).toBe('"theirs"');
});

test("what somebody else stores is told, and shown when it is asked for", async () => {
  await put("watched", "first");
  await put("watched:beside", 1);
  const page = await open(place("watched"));
  await page.getByText('"first"').waitFor();
  await put("watched:beside", 2);
  const version = await put("watched", "second");
  await page.getByText(`Version ${version.toLocaleString("en")} was stored in the meantime.`).waitFor();
  expect(await page.getByText('"first"').count()).toBe(1);
  await page.getByRole("button", { name: "Show what is there now" }).click();
  await page.getByText('"second"').waitFor();
  await expect.poll(() => page.getByText("in the meantime").count()).toBe(0);
});

test("a draft is still there after looking at another page", async () => {
  await put("drafted", 1);
  const page = await open(place("drafted"));
  await page.getByRole("radio", { name: "Edit" }).click();
  await write(page, "12345");
  await page.getByText("Changed, not stored yet").waitFor();
  await page.getByRole("link", { name: "Indexes" }).click();
  await page.getByRole("heading", { name: "Indexes" }).waitFor();
  await page.goBack();
  await page.locator(".cm-content", { hasText: "12345" }).waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Let go" }).click();
  await page.locator(".value-row").waitFor();
  expect(await stored("drafted")).toBe("1");
});

test("how long a document stays is changed, and shown", async () => {
  await put("fleeting", 1);
  const page = await open(place("fleeting"));
  await page.getByLabel("Time to live").click();
  await page.getByRole("dialog").getByRole("textbox").fill("soon");
  expect(await page.getByRole("button", { name: "Change" }).isDisabled()).toBe(true);
  await page.getByRole("dialog").getByRole("textbox").fill("3 d");
  await page.getByRole("button", { name: "Change" }).click();
  await page.getByText(/expires in (3 d|2 d 23 h)/).waitFor();
  const { ttl_ms } = await api<{ ttl_ms: number }>("GET", "document?key=fleeting");
  expect(ttl_ms).toBeGreaterThan(2.9 * 864e5);
});

test("the history tells what each version has changed, and brings one back", async () => {
  for (const value of ["one", "two", "three"]) await put("past", { value });
  const page = await open(place("past"));
  await page.getByRole("radio", { name: "History" }).click();
  const versions = page.getByRole("list", { name: "Versions" }).getByRole("button");
  await expect.poll(() => versions.count()).toBe(3);
  expect(await page.locator(".line.removed").textContent()).toContain('"two"');
  await versions.nth(2).click();
  expect(await page.getByRole("button", { name: "Bring it back" }).isVisible()).toBe(true);
  await page.getByRole("button", { name: "Bring it back" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Bring it back" }).click();
  await expect.poll(() => stored("past")).toBe('{"value":"one"}');
});

test("a document of many values scrolls, and its strings are shown whole on demand", async () => {
  await put("large", {
    text: `begin ${"x".repeat(5000)} end`,
    rows: Array.from({ length: 30_000 }, (_, id) => ({ id })),
  });
  const page = await open(place("large"));
  await page.locator(".value-row").first().waitFor();
  await page.getByLabel("Unfold all").click();
  await page.getByRole("tree", { name: "Document" }).focus();
  await page.keyboard.press("End");
  await page.locator(".value-row", { hasText: "29999" }).first().waitFor();
  expect(await page.locator(".value-row").count()).toBeLessThan(200);
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  expect((await page.locator("pre.whole").textContent())?.length).toBe(5010);
});
