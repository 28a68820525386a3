// Owns the proof that a million keys are as easy to look through as a hundred.

import { expect, inject, test } from "vitest";
import { open, withBrowser } from "./browser.ts";

withBrowser();

const total = () => inject("fixture").million;
const last = () => `row:999:${String(total() - 1).padStart(7, "0")}`;

test("the list of a million keys shows any part of it, and holds little", async () => {
  const page = await open("#/keys?c=million");
  await page.getByText(`${total().toLocaleString("en")} keys`).waitFor();
  const list = page.getByRole("listbox", { name: "Keys" });
  await list.focus();
  await page.keyboard.press("End");
  await page.getByText(last()).waitFor();
  await page.keyboard.press("Home");
  await page.getByText("row:000:0000000").waitFor();
  // As a hand does that drags the scrollbar: into the middle, and a little on.
  await list.evaluate((element) => {
    element.scrollTop = element.scrollHeight / 2;
  });
  await page
    .getByText(/^row:(499|500):/)
    .first()
    .waitFor();
  expect(await page.locator(".key-row").count()).toBeLessThan(200);
});

test("scrolling through it draws frame by frame, without a stutter", async () => {
  const page = await open("#/keys?c=million");
  await page.locator(".key-row:not(.waiting)").first().waitFor();
  // What the page itself takes for a frame, so that a busy machine is not held against it: tasks that keep the browser
  // from drawing for longer than 50 ms are what people see as a stutter.
  const { longest, rows } = await page.evaluate(async () => {
    const list = document.querySelector(".virtual");
    if (!list) throw new Error("there is a list");
    let longest = 0;
    const observer = new PerformanceObserver((entries) => {
      for (const { duration } of entries.getEntries()) longest = Math.max(longest, duration);
    });
    observer.observe({ type: "longtask" });
    const rows = new Set<string>();
    for (let frame = 0; frame < 180; frame++) {
      list.scrollTop += frame % 60 === 0 ? 200_000 : 90;
      await new Promise(requestAnimationFrame);
      rows.add(document.querySelector(".key-row:not(.waiting) .mono")?.textContent ?? "");
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    observer.disconnect();
    return { longest, rows: rows.size };
  });
  expect(rows).toBeGreaterThan(3);
  expect(longest).toBeLessThan(250);
});

test("small steps pass every row, though no element can be as tall as the list", async () => {
  const page = await open("#/keys?c=million");
  await page.locator(".key-row:not(.waiting)").first().waitFor();
  const list = page.getByRole("listbox", { name: "Keys" });
  await list.evaluate((element) => {
    element.scrollTop = element.scrollHeight / 3;
  });
  await page.waitForTimeout(600);
  const top = async () =>
    Number(
      await page.evaluate(() => {
        const edge = document.querySelector(".virtual")?.getBoundingClientRect().top ?? 0;
        const rows = [...document.querySelectorAll<HTMLElement>(".key-row")];
        return rows.find((row) => row.getBoundingClientRect().bottom > edge)?.id.slice("key-".length);
      }),
    );
  const before = await top();
  for (let step = 1; step <= 10; step++) {
    await list.evaluate((element) => {
      element.scrollTop += 30;
    });
    await expect.poll(top).toBe(before + step);
  }
});

test("the tree of a million keys opens branch by branch", async () => {
  const page = await open("#/keys?c=million&v=tree");
  const row = page.getByRole("treeitem", { name: /^row:/ });
  await row.waitFor();
  await row.click();
  const branch = page.getByRole("treeitem", { name: /^000:/ });
  await branch.waitFor();
  expect(await branch.locator(".tag").textContent()).toBe((total() / 1000).toLocaleString("en"));
  expect(await page.locator(".key-row").count()).toBeLessThan(200);
});
