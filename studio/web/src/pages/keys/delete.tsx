// Owns the question before documents are deleted: how many and how much, counted by the server without deleting any.

import { useEffect, useId, useState } from "preact/hooks";
import type { DryRun } from "../../api/schemas.ts";
import { Button } from "../../ui/button.tsx";
import { openDialog } from "../../ui/dialog.tsx";
import { bytes, visible, whole } from "../../ui/format.ts";
import { dryRun, remove, undoMinutes, type What } from "./selection.ts";

/** Asks, and deletes; answers whether it did. */
export async function askToDelete(name: string | undefined, what: What, version?: number): Promise<boolean> {
  const sure = await openDialog<boolean>("Delete documents", (close) => (
    <Question name={name} what={what} close={close} />
  ));
  return sure === true && remove(name, what, version);
}

function Question({
  name,
  what,
  close,
}: {
  name: string | undefined;
  what: What;
  close: (sure?: boolean) => void;
}) {
  const [count, setCount] = useState<DryRun | undefined>(undefined);
  const [error, setError] = useState<string | undefined>(undefined);
  const [typed, setTyped] = useState("");
  const id = useId();
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is asked once
  useEffect(() => {
    dryRun(name, what).then(setCount, (failure: Error) => setError(failure.message));
  }, []);
  const prefix = "prefix" in what ? what.prefix : undefined;
  const ready = count !== undefined && (prefix === undefined || typed === prefix);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) close(true);
      }}
    >
      <h2>{title(what)}</h2>
      {"keys" in what && what.keys.length > 1 && (
        <ul class="sample mono">
          {what.keys.slice(0, 8).map((key) => (
            <li key={key} class="cut">
              {visible(key)}
            </li>
          ))}
          {what.keys.length > 8 && <li class="faint">and {whole(what.keys.length - 8)} more</li>}
        </ul>
      )}
      <p role="status" aria-busy={count === undefined && !error}>
        {error ?? (count ? told(count) : "Counting …")}
      </p>
      <p class="soft">It can be undone for {undoMinutes()} minutes.</p>
      {prefix !== undefined && (
        <div class="field">
          <label for={id}>
            Type <code class="wrap">{visible(prefix)}</code> to go on
          </label>
          <input
            id={id}
            class="input mono"
            autocomplete="off"
            spellcheck={false}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </div>
      )}
      <div class="actions">
        <Button onClick={() => close(false)}>Cancel</Button>
        <Button type="submit" kind="danger main" icon="trash" disabled={!ready}>
          Delete
        </Button>
      </div>
    </form>
  );
}

function title(what: What) {
  if ("prefix" in what) {
    return (
      <>
        Delete all that begins with <code class="wrap">{visible(what.prefix)}</code>?
      </>
    );
  }
  if (what.keys.length > 1) return `Delete ${whole(what.keys.length)} documents?`;
  return (
    <>
      Delete <code class="wrap">{visible(what.keys[0] ?? "")}</code>?
    </>
  );
}

function told({ documents, bytes: size, exact }: DryRun): string {
  const what = documents === 1 ? "1 document" : `${whole(documents)} documents`;
  return `${what} with ${exact ? "" : "about "}${bytes(size)} will be deleted.`;
}
