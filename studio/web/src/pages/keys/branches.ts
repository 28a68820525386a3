// Owns the tree of keys: the branches that were unfolded, and the rows that they make.

import { signal } from "@preact/signals";
import { get } from "../../api/client.ts";
import type { Node, Tree } from "../../api/schemas.ts";

export type TreeRow =
  | { readonly kind: "node"; readonly node: Node; readonly depth: number; readonly open: boolean }
  | { readonly kind: "more"; readonly prefix: string; readonly depth: number };

interface Branch {
  nodes: readonly Node[];
  next: string | null;
}

export class Branches {
  readonly rows = signal<readonly TreeRow[] | undefined>(undefined);
  readonly error = signal<Error | undefined>(undefined);
  readonly #branches = new Map<string, Branch>();
  readonly #open: Set<string>;
  readonly #abort = new AbortController();

  constructor(
    readonly collection: string | undefined,
    readonly prefix: string,
    readonly delimiter: string,
    /** The branches that were open in the tree before this one. */
    open: ReadonlySet<string> = new Set(),
  ) {
    this.#open = new Set(open);
    void this.#load(prefix);
    for (const path of this.#open) if (path.startsWith(prefix) && path !== prefix) void this.#load(path);
  }

  get open(): ReadonlySet<string> {
    return this.#open;
  }

  toggle(path: string, open = !this.#open.has(path)): void {
    if (open) this.#open.add(path);
    else this.#open.delete(path);
    if (open && !this.#branches.has(path)) void this.#load(path);
    else this.#flatten();
  }

  /** The next page of a branch. */
  more(prefix: string): void {
    void this.#load(prefix);
  }

  close(): void {
    this.#abort.abort();
  }

  async #load(prefix: string): Promise<void> {
    const known = this.#branches.get(prefix);
    const query = {
      collection: this.collection,
      prefix: prefix || undefined,
      delimiter: this.delimiter,
      after: known?.next,
      limit: 200,
    };
    try {
      const tree = await get<Tree>("tree", query, this.#abort.signal);
      this.#branches.set(prefix, { nodes: [...(known?.nodes ?? []), ...tree.nodes], next: tree.next });
      this.error.value = undefined;
      this.#flatten();
    } catch (error) {
      if (!this.#abort.signal.aborted) this.error.value = error as Error;
    }
  }

  #flatten(): void {
    const rows: TreeRow[] = [];
    const walk = (prefix: string, depth: number) => {
      const branch = this.#branches.get(prefix);
      for (const node of branch?.nodes ?? []) {
        const open = node.kind === "branch" && this.#open.has(node.path);
        rows.push({ kind: "node", node, depth, open });
        if (open) walk(node.path, depth + 1);
      }
      if (branch?.next != null) rows.push({ kind: "more", prefix, depth });
    };
    walk(this.prefix, 0);
    this.rows.value = rows;
  }
}
