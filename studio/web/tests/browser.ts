// Owns the browser of the tests: one for each file, a page for each test, and what must be true of every page whatever
// the test looks at: no request to anywhere else, nothing refused by its policy, no error, no dialog.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, inject } from "vitest";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP *.test 127.0.0.1",
];

export interface Looks {
  width?: number;
  height?: number;
  scheme?: "light" | "dark";
  /** By which of the servers: the one that may change the database, unless said otherwise. */
  by?: "write" | "read" | "follower" | "large" | "empty";
  /** Runs in the page before anything of it does. */
  begin?: () => void;
}

/** What a page has done that no page may do. */
interface Watched {
  page: Page;
  foreign: string[];
  complaints: string[];
  /** What the browser refuses may be told of later than it is refused. */
  mayComplain: boolean;
}

let browser: Browser;
const watched: Watched[] = [];

/** Gives a test file its browser, and each of its tests the checks that hold for all of them. */
export function withBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ARGUMENTS,
    });
  });
  afterEach(async ({ task }) => {
    for (const { page, foreign, complaints, mayComplain } of watched.splice(0)) {
      if (task.result?.state === "fail") await shot(page, `failed ${task.name}`);
      await page.context().close();
      if (mayComplain) continue;
      expect(foreign, "requests to anywhere else").toEqual([]);
      expect(complaints, "errors, dialogs and what the policy refused").toEqual([]);
    }
  });
  afterAll(() => browser.close());
}

export function theBrowser(): Browser {
  return browser;
}

/** Opens a place of the page, as somebody does who has been let in. */
export async function open(place: string, looks: Looks = {}): Promise<Page> {
  const { url } = inject("fixture")[looks.by ?? "write"];
  const context = await browser.newContext({
    viewport: { width: looks.width ?? 1440, height: looks.height ?? 900 },
    colorScheme: looks.scheme ?? "light",
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const cookie = inject("cookies")[url];
  if (!cookie) throw new Error("the server has given a cookie");
  await context.addCookies([{ ...cookie, url, httpOnly: true, sameSite: "Strict" }]);
  const page = await context.newPage();
  watch(page, url);
  if (looks.begin) await page.addInitScript(looks.begin);
  await page.goto(new URL(place, url).href);
  await page.locator("main[aria-busy=false]").waitFor();
  return page;
}

/** What the rules of accessibility find wrong. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    return (await axe.run(document, { resultTypes: ["violations"] })).violations;
  });
  return found.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any, all }) => `${id}: ${html.slice(0, 200)} ${[...any, ...all][0]?.message ?? ""}`),
  );
}

/** Saves how the page looks, for people. */
export async function shot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: new URL(`../shots/${name}.png`, import.meta.url).pathname });
}

/** Calls the interface without a browser, to prepare what a test looks at. */
export async function api<T>(method: "GET" | "POST" | "PUT", path: string, body?: unknown): Promise<T> {
  const { url, token } = inject("fixture").write;
  const response = await fetch(new URL(`api/${path}`, url), {
    method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "X-FerrumDB-CSRF": "1" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

/** Stores a document, whatever is there; answers its version. */
export async function put(key: string, value: unknown, collection?: string): Promise<number> {
  const query = new URLSearchParams({ key, ...(collection !== undefined && { collection }) });
  const known = await api<{ version: number }>("GET", `document?${query}`).catch(() => ({ version: 0 }));
  const body = {
    collection: collection ?? null,
    key,
    text: JSON.stringify(value),
    if_version: known.version,
  };
  return (await api<{ version: number }>("PUT", "document", body)).version;
}

/** The text of a stored document; nothing if there is none. */
export async function stored(key: string, collection?: string): Promise<string | undefined> {
  const query = new URLSearchParams({ key, ...(collection !== undefined && { collection }) });
  return api<{ text: string }>("GET", `document?${query}`).then(
    ({ text }) => text,
    () => undefined,
  );
}

/** Puts a text into the editor, which is the last one on the page. */
export async function write(page: Page, text: string): Promise<void> {
  const editor = page.locator(".editor .cm-content").last();
  await editor.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text);
}

/** What the page complains of; neither that nor what it asks for is held against it any more. */
export function complaintsOf(page: Page): readonly string[] {
  const mine = watched.find((one) => one.page === page);
  if (!mine) throw new Error("this is a page of the test");
  mine.mayComplain = true;
  return mine.complaints;
}

function watch(page: Page, url: string): void {
  const mine: Watched = { page, foreign: [], complaints: [], mayComplain: false };
  watched.push(mine);
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !/^(data|blob|about):/.test(request.url()))
      mine.foreign.push(request.url());
  });
  page.on("console", (message) => {
    const answered = /the server responded with a status of (403|404|409)/.test(message.text());
    if (message.type() === "error" && !answered) mine.complaints.push(message.text());
  });
  page.on("pageerror", (error) => mine.complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    mine.complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
}
