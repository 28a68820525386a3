// Owns the tree of keys, parted by a delimiter: how many keys and bytes each branch has.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { edits, writable } from "../../app/live.ts";
import { bytes, short, visible, whole } from "../../ui/format.ts";
import { Icon } from "../../ui/icon.tsx";
import { Empty } from "../../ui/parts.tsx";
import { Virtual } from "../../ui/virtual.tsx";
import { Branches, type TreeRow } from "./branches.ts";
import { askToDelete } from "./delete.tsx";

interface KeyTreeProps {
  name: string | undefined;
  prefix: string;
  delimiter: string;
  current: string | undefined;
  open: (key: string) => void;
}

export function KeyTree({ name, prefix, delimiter, current, open }: KeyTreeProps) {
  const changed = edits.value;
  const last = useRef<Branches | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: after an edit the tree is looked at anew
  const tree = useMemo(() => {
    const before = last.current;
    const same = before?.collection === name && before?.delimiter === delimiter;
    last.current = new Branches(name, prefix, delimiter, same ? before?.open : undefined);
    return last.current;
  }, [name, prefix, delimiter, changed]);
  useEffect(() => () => tree.close(), [tree]);
  const [at, setAt] = useState(-1);
  const shown = useRef<readonly TreeRow[]>([]);
  if (tree.rows.value) shown.current = tree.rows.value;
  const rows = shown.current;

  const enter = (row: TreeRow | undefined) => {
    if (row?.kind === "more") tree.more(row.prefix);
    else if (row?.node.kind === "branch") tree.toggle(row.node.path);
    else if (row) open(row.node.path);
  };
  const onKey = (event: KeyboardEvent) => {
    const row = rows[at];
    if (!row) return;
    if (event.key === "Enter" || event.key === " ") enter(row);
    else if (row.kind === "more") return;
    else if (event.key === "ArrowRight" && row.node.kind === "branch" && !row.open)
      tree.toggle(row.node.path, true);
    else if (event.key === "ArrowLeft" && row.open) tree.toggle(row.node.path, false);
    else if (event.key === "ArrowLeft") setAt(parentOf(rows, at));
    else if (event.key === "Delete" && writable.value) {
      void askToDelete(
        name,
        row.node.kind === "branch" ? { prefix: row.node.path } : { keys: [row.node.path] },
      );
    } else return;
    event.preventDefault();
  };

  if (tree.error.value) return <p class="note bad">{tree.error.value.message}</p>;
  if (tree.rows.value?.length === 0)
    return <Empty icon="tree" title={prefix ? "No key begins like this" : "There is no document yet"} />;
  return (
    <>
      <Virtual
        label="Keys as a tree"
        role="tree"
        count={rows.length}
        current={at}
        rowId={(index) => `branch-${index}`}
        onMove={setAt}
        onKey={onKey}
        row={(index) => {
          const row = rows[index];
          if (!row) return null;
          return (
            <div
              id={`branch-${index}`}
              role="treeitem"
              tabIndex={-1}
              aria-level={row.depth + 1}
              aria-selected={index === at}
              aria-expanded={row.kind === "node" && row.node.kind === "branch" ? row.open : undefined}
              aria-current={
                row.kind === "node" && row.node.kind === "key" && row.node.path === current
                  ? "true"
                  : undefined
              }
              class={index === at ? "key-row at" : "key-row"}
              style={{ paddingLeft: `${0.5 + row.depth * 1.125}rem` }}
              onClick={() => {
                setAt(index);
                enter(row);
              }}
            >
              {row.kind === "more" ? (
                <span class="soft">Show more</span>
              ) : (
                <NodeRow row={row} delimiter={delimiter} />
              )}
            </div>
          );
        }}
      />
      <p class="list-foot small faint">Sizes with ≈ are estimated from some of the keys.</p>
    </>
  );
}

function NodeRow({ row, delimiter }: { row: TreeRow & { kind: "node" }; delimiter: string }) {
  const { node } = row;
  const size = `${node.exact ? "" : "≈ "}${bytes(node.bytes)}`;
  if (node.kind === "key") {
    return (
      <>
        <span class="fold" />
        <span class="cut grow mono">{visible(node.name)}</span>
        <span class="small faint number size">{size}</span>
      </>
    );
  }
  return (
    <>
      <span class="fold">
        <Icon name={row.open ? "down" : "right"} size={12} />
      </span>
      <span class="cut grow mono">
        <strong>{visible(node.name === "" ? "" : node.name).replace("(empty key)", "")}</strong>
        <span class="faint">{delimiter}</span>
      </span>
      <span class="tag number" title={`${whole(node.keys)} keys`}>
        {short(node.keys)}
      </span>
      <span class="small faint number size">{size}</span>
    </>
  );
}

function parentOf(rows: readonly TreeRow[], at: number): number {
  const depth = rows[at]?.depth ?? 0;
  for (let index = at - 1; index >= 0; index--) if ((rows[index]?.depth ?? 0) < depth) return index;
  return at;
}
