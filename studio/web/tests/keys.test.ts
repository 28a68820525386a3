// Owns the story of the keys: looking through them as a list and as a tree, making and deleting documents, and taking it back.

import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { open, put, stored, withBrowser, write } from "./browser.ts";

withBrowser();

const rows = (page: Page) => page.locator(".key-row:not(.waiting) .mono");

test("keys are listed in their order, counted, and narrowed down by a prefix", async () => {
  const page = await open("#/keys");
  await rows(page).first().waitFor();
  const all = await rows(page).allTextContents();
  expect(all).toEqual([...all].sort());
  await page.getByLabel("Keys that begin with").fill("user:03:");
  await page.getByText("20 keys begin like this").waitFor();
  await expect
    .poll(async () => (await rows(page).allTextContents()).every((key) => key.startsWith("user:03:")))
    .toBe(true);
  await page.getByRole("button", { name: "A–Z" }).click();
  await page.getByText("20 keys begin like this").waitFor();
  await expect.poll(() => rows(page).first().textContent()).toBe("user:03:profile:0231");
});

test("the keyboard alone finds a key and opens it", async () => {
  const page = await open("#/keys");
  await rows(page).first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("user:07:");
  await page.getByText("20 keys begin like this").waitFor();
  await page.getByRole("listbox", { name: "Keys" }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "user:07:profile:0235" }).waitFor();
  expect(new URL(page.url()).hash).toContain("k=user%3A07%3Aprofile%3A0235");
});

test("the tree counts what is below each branch, and unfolds by keys", async () => {
  const page = await open("#/keys?v=tree");
  const user = page.getByRole("treeitem", { name: /^user:/ });
  await user.waitFor();
  expect(await user.locator(".tag").textContent()).toBe("240");
  await user.click();
  const branch = page.getByRole("treeitem", { name: /^05:/ });
  await branch.waitFor();
  expect(await branch.locator(".tag").textContent()).toBe("20");
  expect(await branch.getAttribute("aria-level")).toBe("2");
  await page.getByRole("tree", { name: "Keys as a tree" }).focus();
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => branch.count()).toBe(0);
  await page.keyboard.press("ArrowRight");
  await branch.waitFor();
});

test("a document is created, duplicated and deleted, and the deletion undone", async () => {
  const page = await open("#/keys");
  await page.getByLabel("New document (n)").click();
  await page.getByLabel("Key", { exact: true }).fill("made:here");
  await page.getByLabel("Time to live").fill("2 h");
  await write(page, '{"big": 9007199254740993}');
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "made:here" }).waitFor();
  expect(await stored("made:here")).toBe('{"big":9007199254740993}');
  await page.getByText("expires in 2 h").or(page.getByText("expires in 1 h 59 min")).waitFor();

  await page.getByLabel("Duplicate (d)").click();
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "made:here-copy" }).waitFor();
  expect(await stored("made:here-copy")).toBe('{"big":9007199254740993}');

  await page.getByLabel("Delete", { exact: true }).click();
  await page.getByText("1 document with 24 B will be deleted.").waitFor();
  await page.getByRole("button", { name: "Delete", exact: true }).last().click();
  await page.getByText("There is no such document").waitFor();
  expect(await stored("made:here-copy")).toBeUndefined();
  await page.getByRole("button", { name: "Undo" }).click();
  await expect.poll(() => stored("made:here-copy")).toBe('{"big":9007199254740993}');
  await page.locator(".value-row").first().waitFor();
});

test("a key that is there already is not overwritten by a new document", async () => {
  await put("taken", 1);
  const page = await open("#/keys");
  await page.getByLabel("New document (n)").click();
  await page.getByLabel("Key", { exact: true }).fill("taken");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByText("There is a document with this key already.").waitFor();
  expect(await stored("taken")).toBe("1");
});

test("a selection is counted before it is deleted, and comes back", async () => {
  for (let number = 0; number < 5; number++) await put(`bulk:${number}`, { number });
  const page = await open("#/keys?p=bulk:");
  await page.getByText("5 keys begin like this").waitFor();
  await page.getByRole("listbox", { name: "Keys" }).focus();
  for (const key of ["ArrowDown", "Space", "ArrowDown", "Space", "ArrowDown", "Space"])
    await page.keyboard.press(key);
  await page.getByText("3 keys selected").waitFor();
  await page.keyboard.press("Delete");
  await page.getByText("3 documents with 36 B will be deleted.").waitFor();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("2 keys begin like this").waitFor();
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText("5 keys begin like this").waitFor();
});

test("a branch is deleted only after its prefix was typed, and comes back", async () => {
  for (let number = 0; number < 7; number++) await put(`branch:x:${number}`, number);
  const page = await open("#/keys?v=tree&p=branch:");
  await page.getByRole("treeitem", { name: /^x:/ }).waitFor();
  await page.getByRole("tree", { name: "Keys as a tree" }).focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Delete");
  await page.getByText("7 documents with 7 B will be deleted.").waitFor();
  const button = page.getByRole("button", { name: "Delete", exact: true });
  expect(await button.isDisabled()).toBe(true);
  await page.getByRole("dialog").getByRole("textbox").fill("branch:x");
  expect(await button.isDisabled()).toBe(true);
  await page.getByRole("dialog").getByRole("textbox").fill("branch:x:");
  await button.click();
  await expect.poll(() => stored("branch:x:3")).toBeUndefined();
  await page.getByText("7 documents were deleted.").waitFor();
  expect(await page.getByRole("button", { name: "Undo" }).count()).toBe(1);
  await page.goto(page.url().replace(/#.*/, "#/upkeep"));
  await page.getByRole("button", { name: "Undo" }).first().click();
  await expect.poll(() => stored("branch:x:3")).toBe("3");
});
