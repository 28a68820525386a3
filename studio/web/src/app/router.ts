// Owns which page is shown. It is told by the part of the address behind `#`, which never leaves the browser: so keys are
// in no server's log, and the page works under any path.

import { signal } from "@preact/signals";

export const PAGES = ["overview", "keys", "find", "indexes", "changes", "upkeep", "file"] as const;
export type PageName = (typeof PAGES)[number];
export type Params = Record<string, string | undefined>;

export interface Route {
  readonly page: PageName;
  readonly params: URLSearchParams;
}

export const route = signal<Route>(read());

/** The address of a page. */
export function href(page: PageName, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined) query.set(name, value);
  const text = query.toString();
  return `#/${page}${text === "" ? "" : `?${text}`}`;
}

/** Goes to a page; with `replace`, without a step for the back button. */
export function go(page: PageName, params: Params = {}, replace = false): void {
  const address = href(page, params);
  if (address === location.hash) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  route.value = read();
}

/** The same page with other parameters. */
export function change(params: Params, replace = true): void {
  go(route.value.page, { ...Object.fromEntries(route.value.params), ...params }, replace);
}

export function followAddress(): void {
  const update = () => {
    route.value = read();
  };
  addEventListener("hashchange", update);
  addEventListener("popstate", update);
}

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const page = PAGES.find((name) => name === path) ?? "overview";
  return { page, params: new URLSearchParams(query) };
}
