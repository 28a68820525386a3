// Owns how a document is read: folded and unfolded, searched, one row for each value however large it is.

import { useEffect, useMemo, useState } from "preact/hooks";
import type { Json } from "../../json/parse.ts";
import { printJson, summary } from "../../json/print.ts";
import { ancestors, depthToFold, type JsonRow, rowsOf, search, segments } from "../../json/rows.ts";
import { Button, IconButton } from "../../ui/button.tsx";
import { openDialog, toast } from "../../ui/dialog.tsx";
import { visible } from "../../ui/format.ts";
import { Icon } from "../../ui/icon.tsx";
import { Virtual } from "../../ui/virtual.tsx";

export function JsonView({ document: json }: { document: Json }) {
  const depth = useMemo(() => depthToFold(json), [json]);
  /** What differs from the depth's rule. */
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const [foldDepth, setFoldDepth] = useState(depth);
  const [at, setAt] = useState(-1);
  const [words, setWords] = useState("");
  const found = useMemo(() => search(json, words), [json, words]);
  const [hit, setHit] = useState(0);
  const rows = useMemo(
    () => rowsOf(json, (path, level) => level >= foldDepth !== turned.has(path)),
    [json, foldDepth, turned],
  );

  const fold = (all: boolean) => {
    setTurned(new Set());
    setFoldDepth(all ? 1 : Number.POSITIVE_INFINITY);
    setAt(0);
  };
  const toggle = (row: JsonRow, open = !row.open) => {
    if (summary(row.value) === "" || open === row.open) return;
    const next = new Set(turned);
    if (!next.delete(row.path)) next.add(row.path);
    setTurned(next);
  };
  const showHit = (index: number) => {
    const path = found[index];
    if (path === undefined) return;
    setHit(index);
    const next = new Set(turned);
    for (const outer of ancestors(path)) {
      const level = outer.split("/").length - 1;
      if (level >= foldDepth) next.add(outer);
      else next.delete(outer);
    }
    setTurned(next);
    setAt(
      rowsOf(json, (other, level) => level >= foldDepth !== next.has(other)).findIndex(
        (row) => row.path === path,
      ),
    );
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new search jumps
  useEffect(() => showHit(0), [found]);

  const onKey = (event: KeyboardEvent) => {
    const row = rows[at];
    if (!row) return;
    if (event.key === "ArrowRight") toggle(row, true);
    else if (event.key === "ArrowLeft" && row.open) toggle(row, false);
    else if (event.key === "ArrowLeft") setAt(Math.max(0, parentOf(rows, at)));
    else if (event.key === "Enter" || event.key === " ") activate(row);
    else if (event.key === "c" && !event.ctrlKey && !event.metaKey)
      copy(printJson(row.value), "The value was copied.");
    else return;
    event.preventDefault();
  };
  const activate = (row: JsonRow) => (summary(row.value) === "" ? showWhole(row) : toggle(row));

  return (
    <div class="json">
      <div class="row wraps json-tools">
        <input
          type="search"
          class="input grow"
          aria-label="Search in the document"
          placeholder="Search in the document"
          spellcheck={false}
          value={words}
          onInput={(event) => setWords(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || found.length === 0) return;
            event.preventDefault();
            showHit((hit + (event.shiftKey ? found.length - 1 : 1)) % found.length);
          }}
        />
        {words !== "" && (
          <span class="small soft number" role="status">
            {found.length === 0 ? "not found" : `${hit + 1} of ${found.length}`}
          </span>
        )}
        <IconButton icon="unfold" label="Unfold all" onClick={() => fold(false)} />
        <IconButton icon="fold" label="Fold all" onClick={() => fold(true)} />
        <IconButton
          icon="copy"
          label="Copy as JSON"
          onClick={() => copy(printJson(json), "The document was copied.")}
        />
      </div>
      <Virtual
        label="Document"
        role="tree"
        rowRem={1.6}
        count={rows.length}
        current={at}
        rowId={(index) => `value-${index}`}
        onMove={setAt}
        onKey={onKey}
        row={(index) => {
          const row = rows[index];
          return (
            row && (
              <ValueRow
                row={row}
                index={index}
                at={index === at}
                hit={found[hit] === row.path}
                onClick={() => {
                  setAt(index);
                  if (summary(row.value) !== "") toggle(row);
                }}
                onOpen={() => showWhole(row)}
              />
            )
          );
        }}
      />
      <p class="list-foot small faint mono cut">
        {rows[at] ? pathText(rows[at].path) : summary(json) || json.type}
      </p>
    </div>
  );
}

interface ValueRowProps {
  row: JsonRow;
  index: number;
  at: boolean;
  hit: boolean;
  onClick: () => void;
  onOpen: () => void;
}

function ValueRow({ row, index, at, hit, onClick, onOpen }: ValueRowProps) {
  const holds = summary(row.value) !== "";
  return (
    <div
      id={`value-${index}`}
      role="treeitem"
      tabIndex={-1}
      aria-level={row.depth + 1}
      aria-selected={at}
      aria-expanded={holds ? row.open : undefined}
      class={`value-row mono${at ? " at" : ""}${hit ? " hit" : ""}`}
      style={{ paddingLeft: `${0.75 + row.depth * 1.25}rem` }}
      onClick={onClick}
      onDblClick={holds ? undefined : onOpen}
    >
      <span class="fold">{holds && <Icon name={row.open ? "down" : "right"} size={12} />}</span>
      {row.name !== undefined && (
        <span class={typeof row.name === "number" ? "place" : "name"}>
          {typeof row.name === "number" ? row.name : visible(JSON.stringify(row.name).slice(1, -1))}
        </span>
      )}
      <Value value={row.value} open={row.open} />
    </div>
  );
}

function Value({ value, open }: { value: Json; open: boolean }) {
  if (value.type === "object" || value.type === "array") {
    const [begin, end] = value.type === "object" ? ["{", "}"] : ["[", "]"];
    return <span class="faint">{open ? begin : `${begin} ${summary(value)} ${end}`}</span>;
  }
  if (value.type === "string") {
    // A row shows what fits; what is longer is opened.
    return <span class="cut text">{visible(JSON.stringify(value.value.slice(0, 2000)))}</span>;
  }
  return <span class={value.type}>{value.text}</span>;
}

function showWhole(row: JsonRow): void {
  const text = row.value.type === "string" ? row.value.value : printJson(row.value);
  void openDialog(
    "Value",
    (close) => (
      <div class="body">
        <h2 class="mono wrap">{pathText(row.path)}</h2>
        <pre class="whole" tabIndex={0}>
          {text}
        </pre>
        <div class="actions">
          <Button icon="copy" onClick={() => copy(text, "The value was copied.")}>
            Copy
          </Button>
          <Button onClick={() => close()}>Close</Button>
        </div>
      </div>
    ),
    true,
  );
}

export function copy(text: string, told: string): void {
  navigator.clipboard.writeText(text).then(
    () => toast(told),
    () => toast("The browser does not let this page copy.", { bad: true }),
  );
}

function parentOf(rows: readonly JsonRow[], at: number): number {
  const depth = rows[at]?.depth ?? 0;
  return rows.slice(0, at).findLastIndex((row) => row.depth < depth);
}

function pathText(path: string): string {
  const parts = segments(path);
  return parts.length === 0 ? "the document" : parts.map((part) => visible(part)).join(" › ");
}
