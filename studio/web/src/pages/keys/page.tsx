// Owns the page of keys: the list or the tree on one side, the document on the other.

import { useEffect, useState } from "preact/hooks";
import "./keys.css";
import { useCommands } from "../../app/commands.ts";
import { collection, writable } from "../../app/live.ts";
import { change, go, route } from "../../app/router.ts";
import { IconButton, Segments } from "../../ui/button.tsx";
import { CollectionSelect, Empty } from "../../ui/parts.tsx";
import { DocumentPane } from "../document/pane.tsx";
import { askToDelete } from "./delete.tsx";
import { KeyList } from "./list.tsx";
import { askForNew } from "./new.tsx";
import { selected, selectNone } from "./selection.ts";
import { KeyTree } from "./tree.tsx";

export default function KeysPage() {
  const { params } = route.value;
  const name = collection.value;
  const key = params.get("k") ?? undefined;
  const prefix = params.get("p") ?? "";
  const view = params.get("v") === "tree" ? "tree" : "list";
  const delimiter = params.get("d") ?? ":";
  const open = (next: string | undefined) => change({ k: next }, false);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another collection has other keys
  useEffect(() => selectNone, [name]);
  useCommands(
    writable.value
      ? [{ label: "New document", icon: "plus", key: "n", run: () => void askForNew(name, prefix) }]
      : [],
    [writable.value, name, prefix],
  );
  return (
    <div class={key === undefined ? "keys-page" : "keys-page has-document"}>
      <h1 class="hidden-text">Keys</h1>
      <section class="keys-side" aria-label="Keys">
        <div class="keys-tools">
          <div class="row">
            <CollectionSelect
              value={name}
              onChange={(c) => go("keys", { c, v: params.get("v") ?? undefined })}
            />
            <Segments
              label="View"
              value={view}
              options={[
                ["list", "List"],
                ["tree", "Tree"],
              ]}
              onChange={(v) => change({ v: v === "list" ? undefined : v })}
            />
            {writable.value && (
              <IconButton icon="plus" label="New document (n)" onClick={() => void askForNew(name, prefix)} />
            )}
          </div>
          <div class="row">
            <PrefixField value={prefix} onChange={(p) => change({ p: p || undefined })} />
            {view === "tree" ? (
              <DelimiterField value={delimiter} onChange={(d) => change({ d: d === ":" ? undefined : d })} />
            ) : (
              <button
                type="button"
                class="button plain turn"
                title={params.get("r") ? "Descending: turn around" : "Ascending: turn around"}
                onClick={() => change({ r: params.get("r") ? undefined : "1" })}
              >
                {params.get("r") ? "Z–A" : "A–Z"}
              </button>
            )}
          </div>
          {selected.value.size > 0 && <SelectionBar name={name} />}
        </div>
        {view === "list" ? (
          <KeyList name={name} prefix={prefix} reverse={params.get("r") !== null} current={key} open={open} />
        ) : (
          <KeyTree name={name} prefix={prefix} delimiter={delimiter} current={key} open={open} />
        )}
      </section>
      <section class="keys-document" aria-label="Document">
        {key === undefined ? (
          <Empty icon="keys" title="No document is open">
            <p>Choose a key. With the list in focus, the arrow keys move and Enter opens.</p>
          </Empty>
        ) : (
          <DocumentPane
            key={JSON.stringify([name, key])}
            name={name}
            documentKey={key}
            onClose={() => open(undefined)}
          />
        )}
      </section>
    </div>
  );
}

function PrefixField({ value, onChange }: { value: string; onChange: (prefix: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text), 150);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);
  return (
    <input
      type="search"
      class="input mono grow"
      data-search
      aria-label="Keys that begin with"
      placeholder="Keys that begin with …"
      autocomplete="off"
      spellcheck={false}
      value={text}
      onInput={(event) => setText(event.currentTarget.value)}
    />
  );
}

function DelimiterField({ value, onChange }: { value: string; onChange: (delimiter: string) => void }) {
  return (
    <input
      class="input mono delimiter"
      aria-label="Delimiter"
      title="What parts keys into branches"
      maxLength={8}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value || ":")}
    />
  );
}

function SelectionBar({ name }: { name: string | undefined }) {
  const count = selected.value.size;
  return (
    <div class="row selection-bar" role="status">
      <span class="grow">{count === 1 ? "1 key selected" : `${count} keys selected`}</span>
      {writable.value && (
        <IconButton
          icon="trash"
          label="Delete the selection"
          onClick={() => void askToDelete(name, { keys: [...selected.value] })}
        />
      )}
      <IconButton icon="close" label="Select nothing" onClick={selectNone} />
    </div>
  );
}
