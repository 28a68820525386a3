// Owns the palette: one field from which every page, collection, command and key is a few letters away.

import { useEffect, useId, useState } from "preact/hooks";
import { get } from "../api/client.ts";
import type { Keys } from "../api/schemas.ts";
import { openDialog, toastError } from "../ui/dialog.tsx";
import { visible } from "../ui/format.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { commands, PAGE_LINKS } from "./commands.ts";
import { collection, collectionLabel, collections } from "./live.ts";
import { go } from "./router.ts";
import { nextTheme } from "./theme.ts";

interface Entry {
  id: string;
  icon: IconName;
  label: string;
  hint: string;
  run: () => void;
}

export function openPalette(): void {
  if (document.querySelector("dialog[open]")) return;
  void openDialog<Entry>("Command palette", (close) => <Palette choose={close} />).then((entry) =>
    entry?.run(),
  );
}

function Palette({ choose }: { choose: (entry: Entry) => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [keys, setKeys] = useState<readonly string[]>([]);
  const id = useId();

  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const query = { prefix: text, limit: 8, collection: collection.value };
      get<Keys>("keys", query, abort.signal)
        .then((found) => setKeys(text === "" ? [] : found.keys.map(({ key }) => key)))
        .catch((error) => error.name === "AbortError" || toastError(error));
    }, 80);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text]);

  const entries = [...matching(fixedEntries(), text), ...keys.map(keyEntry)].slice(0, 40);
  const current = Math.min(at, entries.length - 1);
  useEffect(
    () => document.getElementById(`${id}-${current}`)?.scrollIntoView({ block: "nearest" }),
    [current, id],
  );
  return (
    <div class="palette">
      <input
        type="text"
        role="combobox"
        aria-label="Go to a page, a collection, a key, or do something"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={entries.length > 0 ? `${id}-${current}` : undefined}
        placeholder="A page, a collection, a key, or what to do"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
          if (step !== undefined && entries.length > 0) {
            event.preventDefault();
            setAt((current + step + entries.length) % entries.length);
          } else if (event.key === "Enter" && entries[current]) choose(entries[current]);
        }}
      />
      <ul id={`${id}-list`} role="listbox" aria-label="Found">
        {entries.map((entry, index) => (
          <li
            key={entry.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === current}
            tabIndex={-1}
            onClick={() => choose(entry)}
            onPointerMove={() => setAt(index)}
          >
            <Icon name={entry.icon} />
            <span class="grow cut">{entry.label}</span>
            <span class="small faint">{entry.hint}</span>
          </li>
        ))}
        {entries.length === 0 && <li class="soft">Nothing begins like this.</li>}
      </ul>
    </div>
  );
}

function fixedEntries(): Entry[] {
  const c = collection.value;
  return [
    ...PAGE_LINKS.map(({ page, label, icon, key }) => ({
      id: `page ${page}`,
      icon,
      label,
      hint: `g ${key}`,
      run: () => go(page, { c }),
    })),
    ...commands.value.map(({ label, icon, key, run }) => ({
      id: `do ${label}`,
      icon,
      label,
      hint: key ?? "",
      run,
    })),
    ...collections.value.map(({ name }) => ({
      id: `collection ${name ?? ""}`,
      icon: "list" as const,
      label: `Collection ${visible(collectionLabel(name))}`,
      hint: "collection",
      run: () => go("keys", { c: name ?? undefined }),
    })),
    { id: "theme", icon: "moon", label: "Change between light and dark", hint: "", run: nextTheme },
  ];
}

function keyEntry(key: string): Entry {
  return {
    id: `key ${key}`,
    icon: "keys",
    label: visible(key),
    hint: "key",
    run: () => go("keys", { c: collection.value, k: key }),
  };
}

/** Those that have every word of the text, best first where one begins with it. */
function matching(entries: Entry[], text: string): Entry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = entries.filter(({ label }) => words.every((word) => label.toLowerCase().includes(word)));
  const begins = (entry: Entry) => Number(entry.label.toLowerCase().startsWith(words[0] ?? ""));
  return found.sort((a, b) => begins(b) - begins(a));
}
