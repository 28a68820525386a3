// Owns the list of keys: rows of any number, what is selected among them, and how many there are.

import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { edits, writable } from "../../app/live.ts";
import { Button } from "../../ui/button.tsx";
import { bytes, span, visible, whole } from "../../ui/format.ts";
import { Empty } from "../../ui/parts.tsx";
import { Virtual } from "../../ui/virtual.tsx";
import { askToDelete } from "./delete.tsx";
import { askForNew } from "./new.tsx";
import { KeyPages } from "./pages.ts";
import { selectAll, selected, toggleSelected } from "./selection.ts";

interface KeyListProps {
  name: string | undefined;
  prefix: string;
  reverse: boolean;
  current: string | undefined;
  open: (key: string) => void;
}

export function KeyList({ name, prefix, reverse, current, open }: KeyListProps) {
  const changed = edits.value;
  // biome-ignore lint/correctness/useExhaustiveDependencies: after an edit the list is looked at anew
  const pages = useMemo(() => new KeyPages(name, prefix, reverse), [name, prefix, reverse, changed]);
  useEffect(() => () => pages.close(), [pages]);
  const [at, setAt] = useState(-1);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another list begins at its beginning
  useEffect(() => setAt(-1), [name, prefix, reverse]);
  // What was there before an edit is shown until the answer is.
  const shown = useRef(pages);
  if (pages.total.value !== undefined || pages.error.value) shown.current = pages;
  const list = shown.current;
  const total = list.total.value;
  list.answers.value;

  const onRange = useCallback((from: number, to: number) => list.want(from, to), [list]);
  const onKey = (event: KeyboardEvent) => {
    const key = list.at(at)?.key;
    if (key === undefined) return;
    if (event.key === "Enter") open(key);
    else if (event.key === " ") toggleSelected(key);
    else if (event.key === "Delete" && writable.value) {
      void askToDelete(name, { keys: selected.value.size > 0 ? [...selected.value] : [key] });
    } else return;
    event.preventDefault();
  };

  const row = (index: number) => {
    const info = list.at(index);
    if (!info)
      return (
        <div
          class="key-row waiting"
          role="option"
          aria-selected={false}
          id={`key-${index}`}
          aria-label="Being fetched"
        />
      );
    const isSelected = selected.value.has(info.key);
    return (
      <div
        id={`key-${index}`}
        role="option"
        tabIndex={-1}
        aria-selected={isSelected}
        aria-current={info.key === current ? "true" : undefined}
        class={index === at ? "key-row at" : "key-row"}
        onClick={(event) => {
          setAt(index);
          if (event.shiftKey && at >= 0) selectAll(list.between(at, index));
          else if (event.ctrlKey || event.metaKey) toggleSelected(info.key);
          else open(info.key);
        }}
      >
        <span
          class="check"
          aria-hidden="true"
          onClick={(event) => {
            event.stopPropagation();
            setAt(index);
            if (event.shiftKey && at >= 0) selectAll(list.between(at, index));
            else toggleSelected(info.key);
          }}
        />
        <span class="cut grow mono">{visible(info.key)}</span>
        {info.ttl_ms !== null && <span class="small ttl number">{span(info.ttl_ms)}</span>}
        <span class="small faint number size">{bytes(info.bytes)}</span>
      </div>
    );
  };

  if (list.error.value) return <p class="note bad">{list.error.value.message}</p>;
  if (total === 0) {
    return (
      <Empty icon="keys" title={prefix ? "No key begins like this" : "There is no document yet"}>
        <p>
          {prefix
            ? "Keys are compared letter by letter, upper and lower case apart."
            : "What is stored shows up here."}
        </p>
        {!prefix && writable.value && (
          <Button icon="plus" onClick={() => void askForNew(name)}>
            New document
          </Button>
        )}
      </Empty>
    );
  }
  return (
    <>
      <Virtual
        label="Keys"
        role="listbox"
        multi
        count={total ?? 0}
        current={at}
        row={row}
        rowId={(index) => `key-${index}`}
        onMove={setAt}
        onKey={onKey}
        onRange={onRange}
      />
      <p class="list-foot small faint number" role="status">
        {total === undefined
          ? "…"
          : `${whole(total)} ${total === 1 ? "key" : "keys"}${prefix ? " begin like this" : ""}`}
      </p>
    </>
  );
}
