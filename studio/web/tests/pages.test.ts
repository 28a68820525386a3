// Owns the stories of the other pages: overview, find, indexes, changes, upkeep, file, and getting about by keys.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { api, open, put, stored, withBrowser } from "./browser.ts";

withBrowser();

test("the overview shows how large the database is, draws its charts, and follows what happens", async () => {
  const page = await open("#/overview");
  const documents = page.locator(".figures div", { hasText: "Documents" }).locator("strong");
  const before = Number((await documents.textContent())?.replaceAll(",", ""));
  await expect.poll(() => page.locator(".chart canvas").count()).toBe(9);
  await put("seen:by:overview", 1);
  await expect
    .poll(async () => Number((await documents.textContent())?.replaceAll(",", "")))
    .toBeGreaterThan(before);
  await page.getByRole("radio", { name: "4 h" }).click();
  await page.getByRole("img", { name: /^Documents: Documents [0-9]/ }).waitFor();
  await page.getByRole("img", { name: /^Live .*, Replaced or deleted / }).waitFor();
});

test("a collection is dropped only after its name was typed", async () => {
  await put("one", 1, "doomed");
  const page = await open("#/overview");
  await page.getByLabel("Drop doomed").click();
  const drop = page.getByRole("dialog").getByRole("button", { name: "Drop" });
  expect(await drop.isDisabled()).toBe(true);
  await page.getByRole("dialog").getByRole("textbox").fill("doomed");
  await drop.click();
  await page.getByText("The collection doomed was dropped.").waitFor();
  const { collections } = await api<{ collections: { name: string | null }[] }>("GET", "collections");
  expect(collections.map(({ name }) => name)).not.toContain("doomed");
});

test("documents are found by a value, by an index or without one", async () => {
  const page = await open("#/find");
  await page.getByLabel("Field").fill("age");
  await page.getByLabel("Value").fill("25");
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await page.getByText("4 documents in").waitFor();
  await page.getByText("by the index").waitFor();
  await page.getByLabel("Field").fill("address.city");
  await page.getByLabel("Value").fill("Bogotá");
  await page.getByText('Asks for "Bogotá"').waitFor();
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await page.getByText("60 documents in").waitFor();
  await page.getByText("by looking at every document").waitFor();
  await page.locator(".found-row").first().click();
  await page.getByRole("heading", { name: /^user:/ }).waitFor();
});

test("documents are found by a range, in the order of the values", async () => {
  const page = await open("#/find?w=range&f=age");
  await page.getByLabel("From").fill("77");
  await page.getByLabel("To", { exact: true }).fill("79");
  await page.getByLabel("Order").selectOption("1");
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await page.getByText("8 documents in").waitFor();
  const keys = await page.locator(".found-row .key").allTextContents();
  const ages = await Promise.all(
    keys.map(async (key) => JSON.parse((await stored(key)) ?? "{}").age as number),
  );
  expect(ages).toEqual([78, 78, 78, 78, 77, 77, 77, 77]);
});

test("an index is created where a search has missed it, and dropped after its name was typed", async () => {
  await put("o", { part: { kind: "bolt" } }, "orders");
  const page = await open("#/find?c=orders");
  await page.getByLabel("Field").fill("part.kind");
  await page.getByLabel("Value").fill("bolt");
  await page.getByRole("button", { name: "Find", exact: true }).click();
  await page.getByRole("button", { name: "Create this index" }).click();
  await page
    .getByRole("row", { name: /part\.kind/ })
    .getByText(/not used yet|ready/)
    .waitFor();
  await page.getByLabel("Drop the index on part.kind").click();
  await page.getByRole("dialog").getByRole("textbox").fill("part.kind");
  await page.getByRole("dialog").getByRole("button", { name: "Drop" }).click();
  await page.getByText("This collection has no index").waitFor();
});

test("changes show up as they are committed; a pause misses none of them", async () => {
  const page = await open("#/changes?p=feed:");
  await page.getByText("following").waitFor();
  await put("feed:1", { n: 1 });
  await put("not:this", 1);
  await page.getByRole("option", { name: /created.*feed:1/ }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await put("feed:1", { n: 2 });
  await put("feed:2", { n: 1 });
  await page.getByText("paused").waitFor();
  expect(await page.locator(".change-row").count()).toBe(1);
  await page.getByRole("button", { name: "Resume" }).click();
  await page.getByRole("option", { name: /created.*feed:2/ }).waitFor();
  expect(await page.locator(".change-row").count()).toBe(3);
  await page.getByRole("option", { name: /replaced.*feed:1/ }).click();
  expect(await page.locator(".line.removed").textContent()).toContain('"n": 1');
  expect(await page.locator(".line.added").textContent()).toContain('"n": 2');
  await page.getByRole("button", { name: "From the beginning" }).click();
  await expect
    .poll(() => page.locator(".change-row .mono", { hasText: "feed:" }).allTextContents())
    .toEqual(["feed:2", "feed:1", "feed:1"]);
});

test("the file is verified, and compacted after its name was typed", async () => {
  const page = await open("#/upkeep");
  await page.getByRole("button", { name: "Verify" }).click();
  await page.getByText("All is as it should be, up to commit").waitFor({ timeout: 50_000 });
  await page.getByRole("button", { name: "Compact", exact: true }).click();
  const sure = page.getByRole("dialog").getByRole("button", { name: "Compact" });
  expect(await sure.isDisabled()).toBe(true);
  await page.getByRole("dialog").getByRole("textbox").fill("fixture <img src=x onerror=alert(1)>.db");
  await sure.click();
  await page.getByText(/won: the log had/).waitFor({ timeout: 50_000 });
});

test("exports are saved as files", async () => {
  const page = await open("#/upkeep?c=orders");
  const save = async (link: string) => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("link", { name: link, exact: true }).click(),
    ]);
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
  };
  const lines = (await save("As NDJSON")).bytes.toString().trim().split("\n");
  expect(lines.filter((line) => line.includes("order-"))).toHaveLength(40);
  const csv = await save("As CSV");
  expect(csv.name).toMatch(/\.csv$/);
  expect(csv.bytes.toString()).toContain("order-007");
});

test("a backup is made, saved, and can be saved again", async () => {
  const page = await open("#/upkeep", { by: "read" });
  const saved = async (role: "button" | "link", name: string) => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole(role, { name, exact: true }).click(),
    ]);
    return readFileSync(await download.path());
  };
  const first = await saved("button", "Back up");
  expect(first.length).toBeGreaterThan(8192);
  await page.getByText(/read back and verified/).waitFor();
  expect((await saved("link", "Save the backup")).equals(first)).toBe(true);
});

test("an import shows what would come of it, then stores it, and names the lines that are no documents", async () => {
  const page = await open("#/upkeep");
  const text = '{"key":"imported:1","n":1}\n{"key":"imported:2","n":2}\nno document\n';
  await page
    .getByLabel("File", { exact: true })
    .setInputFiles({ name: "some.ndjson", mimeType: "application/x-ndjson", buffer: Buffer.from(text) });
  await page.getByRole("group", { name: "Preview" }).getByText("imported:2", { exact: true }).waitFor();
  expect(await stored("imported:1")).toBeUndefined();
  await page.getByRole("button", { name: /^Import / }).click();
  await page.getByText("2 stored, 0 skipped, 1 lines are no documents.").waitFor();
  await page.getByText("Line 3:").first().waitFor();
  expect(await stored("imported:2")).toBeDefined();
});

test("a table of several pieces is imported, and an export whatever the field of its keys", async () => {
  const page = await open("#/upkeep");
  const choose = (name: string, text: string) =>
    page
      .getByLabel("File", { exact: true })
      .setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
  const long = "x".repeat(2000);
  // Rows of two lines each, in more than one piece.
  const rows = Array.from({ length: 2300 }, (_, index) => `${index},pieces:${index},"${long}\nend"`);
  await choose("some.csv", `key,id,text\n${rows.join("\n")}\n`);
  await page.getByLabel("Field that holds the key").fill("id");
  await page.getByRole("group", { name: "Preview" }).getByText("pieces:1", { exact: true }).waitFor();
  await page.getByRole("button", { name: /^Import / }).click();
  await page.getByText("2,300 stored, 0 skipped, 0 lines are no documents.").waitFor({ timeout: 50_000 });
  expect(JSON.parse((await stored("pieces:2299")) ?? "")).toEqual({ key: 2299, text: `${long}\nend` });

  const lines = Array.from({ length: 2300 }, (_, index) => `{"key":"again:${index}","value":"${long}"}`);
  await choose("some.ndjson", `{"ferrumdb_export":1}\n${lines.join("\n")}\n`);
  await page.getByRole("group", { name: "Preview" }).getByText("again:1", { exact: true }).waitFor();
  expect(await page.getByLabel("Field that holds the key").inputValue()).toBe("id");
  await page.getByRole("button", { name: /^Import / }).click();
  await page.getByText("2,300 stored, 0 skipped, 0 lines are no documents.").waitFor({ timeout: 50_000 });
  expect(await stored("again:2299")).toBe(`"${long}"`);
});

test("the file's facts are told", async () => {
  const page = await open("#/file");
  const fact = (name: string) =>
    page.locator(".facts div", { hasText: name }).locator("dd").first().textContent();
  expect(await fact("Format")).toMatch(/^version \d+$/);
  expect(await fact("Encryption")).toBe("none");
  expect(await fact("Syncs")).toBe("when the system likes");
  expect(await fact("Path")).toContain("fixture <img");
});

test("pages, collections, keys and commands are a few letters away", async () => {
  const page = await open("#/overview");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("user:11:profile:0011");
  await page.getByRole("option", { name: /^user:11:profile:0011/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "user:11:profile:0011" }).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("collection orders");
  await page.keyboard.press("Enter");
  await page.getByText("order-000").waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("c");
  await page.getByRole("heading", { name: "Changes" }).waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
});

test("the key that follows Ctrl-K is the palette's", async () => {
  const page = await open("#/overview");
  await page.getByRole("link", { name: "Indexes" }).focus();
  const focused = await page.evaluate(async () => {
    // No frame comes any more: the next key is the next task.
    window.requestAnimationFrame = () => 0;
    const key = { key: "k", ctrlKey: true, bubbles: true, cancelable: true };
    document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", key));
    await new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = resolve;
      port2.postMessage(0);
    });
    return document.activeElement?.getAttribute("role");
  });
  expect(focused).toBe("combobox");
  await page.keyboard.press("Escape");
  await expect.poll(() => page.getByRole("dialog").count()).toBe(0);
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Indexes");
});

test("a range of keys is selected with Shift", async () => {
  const page = await open("#/keys?p=user:02:");
  const row = page.locator(".key-row:not(.waiting)");
  await row.nth(2).locator(".check").click();
  await row.nth(7).click({ modifiers: ["Shift"] });
  await page.getByText("6 keys selected").waitFor();
});

test("what may only be read offers no change", async () => {
  const page = await open("#/keys?k=config", { by: "read" });
  await page.locator(".value-row").first().waitFor();
  await page.getByText("Read only").waitFor();
  for (const name of ["Edit", "Delete", "Time to live", "Duplicate (d)", "New document (n)"]) {
    expect(await page.getByLabel(name, { exact: true }).count(), name).toBe(0);
  }
  const status = await page.evaluate(async () => {
    const headers = { "Content-Type": "application/json", "X-FerrumDB-CSRF": "1" };
    const body = JSON.stringify({ key: "config", text: "1", if_version: 3 });
    return (await fetch("./api/document", { method: "PUT", headers, body })).status;
  });
  expect(status).toBe(403);
});

test("a follower shows what another process commits, and how far it is behind", async () => {
  const page = await open("#/overview", { by: "follower" });
  await page.getByText("Live follower").waitFor();
  await page.getByText("Another process has this file open.").waitFor();
  await page
    .locator(".figures div", { hasText: "Behind the owner" })
    .getByText(/commits$/)
    .waitFor();
  await page.getByRole("heading", { name: "Behind the owner" }).waitFor();
  expect(await page.getByRole("heading", { name: "Time of a commit" }).count()).toBe(0);
  await page.goto(page.url().replace(/#.*/, "#/changes?p=followed:"));
  await page.getByText("following").waitFor();
  await put("followed:1", 1);
  await page.locator(".change-row", { hasText: "followed:1" }).waitFor();
});
