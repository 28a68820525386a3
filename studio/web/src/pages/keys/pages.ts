// Owns the keys of a list: those that were looked at, in pages, fetched where somebody looks. It must never hold all of them.

import { signal } from "@preact/signals";
import { get } from "../../api/client.ts";
import type { KeyInfo, Keys } from "../../api/schemas.ts";

const PAGE = 200;
const PAGES_MAX = 60;
/** So many rows before and behind those that are seen are there when they come into sight. */
const AHEAD = 60;

export class KeyPages {
  /** How many keys there are; nothing before the first answer. */
  readonly total = signal<number | undefined>(undefined);
  /** Grows with each answer. */
  readonly answers = signal(0);
  readonly error = signal<Error | undefined>(undefined);
  readonly #pages = new Map<number, readonly KeyInfo[]>();
  readonly #asked = new Map<number, AbortController>();
  #seen: readonly [number, number] = [0, 0];
  #timer = 0;

  constructor(
    readonly collection: string | undefined,
    readonly prefix: string,
    readonly reverse: boolean,
  ) {
    this.#fetch(0);
  }

  at(index: number): KeyInfo | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** The keys of the rows between two, both among them, as far as they are known. */
  between(one: number, other: number): string[] {
    const keys: string[] = [];
    for (let index = Math.min(one, other); index <= Math.max(one, other); index++) {
      const info = this.at(index);
      if (info) keys.push(info.key);
    }
    return keys;
  }

  /** Rows from the first to before the last are seen now. They are asked for a moment later, with those around them. */
  want(from: number, to: number): void {
    this.#seen = [from, to];
    if (this.#timer === 0) this.#timer = window.setTimeout(() => this.#fetchSeen(), 40);
  }

  /** Nobody looks any more. */
  close(): void {
    clearTimeout(this.#timer);
    for (const abort of this.#asked.values()) abort.abort();
  }

  #fetchSeen(): void {
    this.#timer = 0;
    const [from, to] = this.#seen;
    const last = Math.ceil((this.total.value ?? 1) / PAGE) - 1;
    const begin = Math.max(0, Math.floor((from - AHEAD) / PAGE));
    const end = Math.min(last, Math.floor((to + AHEAD) / PAGE));
    for (const [page, abort] of this.#asked) if (page < begin || page > end) abort.abort();
    for (let page = begin; page <= end; page++) {
      const known = this.#pages.get(page);
      if (known) this.#keep(page, known);
      else this.#fetch(page);
    }
  }

  #fetch(page: number): void {
    if (this.#asked.has(page)) return;
    const abort = new AbortController();
    this.#asked.set(page, abort);
    const query = {
      collection: this.collection,
      prefix: this.prefix || undefined,
      reverse: this.reverse,
      offset: page * PAGE,
      limit: PAGE,
    };
    get<Keys>("keys", query, abort.signal)
      .then((answer) => {
        this.#keep(page, answer.keys);
        this.error.value = undefined;
        this.total.value = answer.total;
      })
      .catch((error: Error) => {
        if (error.name !== "AbortError") this.error.value = error;
      })
      .finally(() => {
        this.#asked.delete(page);
        this.answers.value += 1;
      });
  }

  /** Lets go of those that nobody has looked at for the longest. */
  #keep(page: number, keys: readonly KeyInfo[]): void {
    this.#pages.delete(page);
    this.#pages.set(page, keys);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_MAX) break;
      this.#pages.delete(oldest);
    }
  }
}
