// Owns the keys of a list: those that were looked at, in pages, fetched where somebody looks. It must never hold all of them.

import { signal } from "@preact/signals";
import { get } from "../../api/client.ts";
import type { KeyInfo, Keys } from "../../api/schemas.ts";

const PAGE = 200;
const PAGES_MAX = 60;

export class KeyPages {
  /** How many keys there are; nothing before the first answer. */
  readonly total = signal<number | undefined>(undefined);
  /** Grows with each answer. */
  readonly answers = signal(0);
  readonly error = signal<Error | undefined>(undefined);
  readonly #pages = new Map<number, readonly KeyInfo[]>();
  readonly #asked = new Map<number, AbortController>();
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

  /** Rows from the first to before the last are seen now. Waits a moment, so that a moved scrollbar asks once. */
  want(from: number, to: number): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      const first = Math.floor(from / PAGE);
      const last = Math.floor(Math.max(from, to - 1) / PAGE);
      for (const [page, abort] of this.#asked) if (page < first - 1 || page > last + 1) abort.abort();
      for (let page = first; page <= last; page++) if (!this.#pages.has(page)) this.#fetch(page);
    }, 40);
  }

  /** Nobody looks any more. */
  close(): void {
    clearTimeout(this.#timer);
    for (const abort of this.#asked.values()) abort.abort();
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

  #keep(page: number, keys: readonly KeyInfo[]): void {
    this.#pages.set(page, keys);
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size <= PAGES_MAX) break;
      this.#pages.delete(oldest);
    }
  }
}
