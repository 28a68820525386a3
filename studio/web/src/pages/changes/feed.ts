// Owns the change feed as the page follows it: the last changes, pausing, and going on behind the last one that was seen.

import { signal } from "@preact/signals";
import { address, get, type Query } from "../../api/client.ts";
import type { Change, Failure } from "../../api/schemas.ts";

const CHANGES_MAX = 5000;

export interface Filter {
  readonly collection: string | undefined;
  readonly root: boolean;
  readonly prefix: string;
}

export interface Seen extends Change {
  /** Its place in what this page has seen, from 1. */
  readonly place: number;
}

export class Feed {
  /** The newest first. */
  readonly changes = signal<readonly Seen[]>([]);
  readonly state = signal<"connecting" | "following" | "paused" | "ended">("connecting");
  readonly error = signal<string | undefined>(undefined);
  #source: EventSource | undefined;
  #resumeFrom: string | undefined;
  #waiting: Seen[] = [];
  #seen = 0;
  #frame = 0;

  constructor(
    readonly filter: Filter,
    since: number | undefined,
  ) {
    this.#resumeFrom = since === undefined ? undefined : String(since);
    this.#connect();
  }

  pause(): void {
    this.#disconnect();
    this.state.value = "paused";
  }

  /** Goes on behind the last change: what was committed in between comes now. */
  resume(): void {
    this.error.value = undefined;
    this.#connect();
  }

  clear(): void {
    this.#waiting = [];
    this.changes.value = [];
  }

  close(): void {
    this.#disconnect();
    cancelAnimationFrame(this.#frame);
  }

  #connect(): void {
    const { collection, root, prefix } = this.filter;
    const query = { collection, root, prefix: prefix || undefined, since: this.#resumeFrom, documents: true };
    const source = new EventSource(address("changes", query));
    this.#source = source;
    this.state.value = "connecting";
    source.addEventListener("open", () => {
      this.state.value = "following";
    });
    source.addEventListener("change", (event) => this.#take(event));
    source.addEventListener("failed", (event) => {
      this.error.value = (JSON.parse(event.data) as Failure).error.message;
      this.#end();
    });
    source.addEventListener("bye", () => this.#end());
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) void this.#refused(query);
      else this.state.value = "connecting";
    });
  }

  #take(event: MessageEvent<string>): void {
    if (event.lastEventId !== "") this.#resumeFrom = event.lastEventId;
    this.#seen += 1;
    this.#waiting.push({ ...(JSON.parse(event.data) as Change), place: this.#seen });
    // Thousands may come in a second: they are shown once for each drawing.
    if (this.#frame === 0) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.changes.value = [...this.#waiting.reverse(), ...this.changes.value].slice(0, CHANGES_MAX);
        this.#waiting = [];
      });
    }
  }

  /** An event source does not say why it was refused: the same question, asked plainly, does. */
  async #refused(query: Query): Promise<void> {
    this.#end();
    const abort = new AbortController();
    try {
      await Promise.race([
        get("changes", query, abort.signal),
        new Promise((resolve) => setTimeout(resolve, 2000)),
      ]);
    } catch (error) {
      this.error.value = (error as Error).message;
    }
    abort.abort();
  }

  #end(): void {
    this.#disconnect();
    this.state.value = "ended";
  }

  #disconnect(): void {
    this.#source?.close();
    this.#source = undefined;
  }
}
