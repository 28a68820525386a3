// Owns a document as rows: what is folded, what a search finds, and the path to each row.

import type { Json } from "./parse.ts";

export interface JsonRow {
  /** The way from the document to this value: names and places, joined so that it is unique. */
  readonly path: string;
  readonly depth: number;
  /** The field's name, or the item's place; nothing for the document itself. */
  readonly name: string | number | undefined;
  readonly value: Json;
  readonly open: boolean;
}

/** Beyond so many rows, a document begins folded. */
const UNFOLDED_MAX = 400;

/** The rows that are seen, where `folded` tells which are not unfolded. */
export function rowsOf(document: Json, folded: (path: string, depth: number) => boolean): JsonRow[] {
  const rows: JsonRow[] = [];
  const walk = (value: Json, path: string, name: string | number | undefined, depth: number) => {
    const holds = children(value).length > 0;
    const open = holds && !folded(path, depth);
    rows.push({ path, depth, name, value, open });
    if (open) for (const [key, child] of children(value)) walk(child, childPath(path, key), key, depth + 1);
  };
  walk(document, "", undefined, 0);
  return rows;
}

/** From which depth on a document begins folded, so that it begins with few rows. */
export function depthToFold(document: Json): number {
  let level: readonly Json[] = [document];
  let rows = 0;
  for (let depth = 0; level.length > 0; depth++) {
    rows += level.length;
    if (rows > UNFOLDED_MAX) return Math.max(1, depth - 1);
    level = level.flatMap((value) => children(value).map(([, child]) => child));
  }
  return Number.POSITIVE_INFINITY;
}

/** The paths of the values and fields that have the words in them. */
export function search(document: Json, words: string): string[] {
  const wanted = words.toLowerCase();
  const found: string[] = [];
  const walk = (value: Json, path: string, name: string | number | undefined) => {
    const own = scalarText(value);
    if (
      (typeof name === "string" && name.toLowerCase().includes(wanted)) ||
      own?.toLowerCase().includes(wanted)
    )
      found.push(path);
    for (const [key, child] of children(value)) walk(child, childPath(path, key), key);
  };
  if (wanted !== "") walk(document, "", undefined);
  return found;
}

/** The paths of all that a path lies in. */
export function ancestors(path: string): string[] {
  const parts = path.split("/").slice(1);
  return parts.map((_, index) =>
    parts
      .slice(0, index)
      .map((part) => `/${part}`)
      .join(""),
  );
}

/** The segments of a path, as a field path has them. */
export function segments(path: string): string[] {
  return path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function children(value: Json): readonly (readonly [string | number, Json])[] {
  if (value.type === "object") return value.members.map(({ name, value: child }) => [name, child] as const);
  if (value.type === "array") return value.items.map((child, index) => [index, child] as const);
  return [];
}

// As in a JSON pointer, so that any text may be a name.
function childPath(path: string, name: string | number): string {
  return `${path}/${String(name).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function scalarText(value: Json): string | undefined {
  if (value.type === "string") return value.value;
  return value.type === "number" || value.type === "literal" ? value.text : undefined;
}
