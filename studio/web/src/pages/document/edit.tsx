// Owns changing a document: a draft that outlives leaving the page, the differences before it is stored, and the conflict
// if somebody else was quicker. It must never store over a version that was not seen.

import { useEffect, useState } from "preact/hooks";
import { ConflictError, put } from "../../api/client.ts";
import type { Document } from "../../api/schemas.ts";
import { parseJson, tryParseJson } from "../../json/parse.ts";
import { compactJson, printJson } from "../../json/print.ts";
import { Button } from "../../ui/button.tsx";
import { confirm, openDialog, toast, toastError } from "../../ui/dialog.tsx";
import { Diff } from "../../ui/diff.tsx";
import { type Choice, Conflict } from "./conflict.tsx";
import { Editor } from "./editor.tsx";

interface Draft {
  text: string;
  /** The version that it began from. */
  version: number;
  /** The text that it began from. */
  base: string;
}

/** What somebody has begun to change and not stored yet. */
class Drafts {
  readonly #drafts = new Map<string, Draft>();

  has(collection: string | null | undefined, key: string): boolean {
    return this.#drafts.has(this.#name(collection, key));
  }

  get({ collection, key }: Document): Draft | undefined {
    return this.#drafts.get(this.#name(collection, key));
  }

  put({ collection, key }: Document, draft: Draft): void {
    this.#drafts.set(this.#name(collection, key), draft);
  }

  drop({ collection, key }: Document): void {
    this.#drafts.delete(this.#name(collection, key));
  }

  get size(): number {
    return this.#drafts.size;
  }

  #name(collection: string | null | undefined, key: string): string {
    return JSON.stringify([collection ?? null, key]);
  }
}

export const drafts = new Drafts();

addEventListener("beforeunload", (event) => {
  if (drafts.size > 0) event.preventDefault();
});

interface EditPaneProps {
  document: Document;
  onStored: (fresh: Document) => void;
  onLeave: () => void;
}

export function EditPane({ document, onStored, onLeave }: EditPaneProps) {
  const begun = drafts.get(document);
  const [draft, setDraft] = useState<Draft>(
    begun ?? { text: pretty(document.text), version: document.version, base: document.text },
  );
  const [round, setRound] = useState(0);
  const valid = tryParseJson(draft.text);
  const changed = valid === undefined || compactJson(valid) !== draft.base;

  useEffect(() => {
    if (changed) drafts.put(document, draft);
    else drafts.drop(document);
  }, [document, draft, changed]);

  const replaceText = (text: string) => {
    setDraft({ ...draft, text });
    setRound(round + 1);
  };
  const review = async () => {
    if (!valid) return toast("The text is no JSON yet: the marks beside the lines say why.", { bad: true });
    if (!changed) return toast("Nothing has changed.");
    const text = compactJson(valid);
    const sure = await openDialog<boolean>(
      "Store the changes",
      (close) => <Review before={draft.base} after={text} close={close} />,
      true,
    );
    if (sure) await store(text, draft.version);
  };
  const store = async (text: string, version: number): Promise<void> => {
    try {
      const { collection, key } = document;
      const fresh = await put<Document>("document", { collection, key, text, if_version: version });
      drafts.drop(document);
      toast("The document was stored.");
      onStored(fresh);
    } catch (error) {
      if (error instanceof ConflictError) await settle(text, error);
      else toastError(error);
    }
  };
  const settle = async (text: string, { current }: ConflictError): Promise<void> => {
    const choice = await openDialog<Choice>(
      "Somebody else has changed it",
      (close) => <Conflict base={draft.base} mine={text} theirs={current} close={close} />,
      true,
    );
    if (choice === "mine") await store(text, current?.version ?? 0);
    else if (choice === "theirs") {
      drafts.drop(document);
      if (current) onStored(current);
      else onLeave();
    } else if (choice === "edit")
      setDraft({ text: draft.text, version: current?.version ?? 0, base: current?.text ?? "" });
  };
  const discard = async () => {
    if (
      changed &&
      !(await confirm({
        title: "Let go of the changes?",
        text: <p>What you have typed is lost.</p>,
        action: "Let go",
        danger: true,
      }))
    )
      return;
    drafts.drop(document);
    onLeave();
  };

  return (
    <div class="edit">
      {draft.version !== document.version && (
        <p class="note warn">
          This draft began from version {draft.version}. Storing it will show both sides.
        </p>
      )}
      <Editor
        key={round}
        label="Document"
        focused
        text={draft.text}
        onChange={(text) => setDraft((old) => ({ ...old, text }))}
        onSave={() => void review()}
      />
      <div class="row wraps edit-foot">
        <span class="grow small soft" role="status">
          {valid ? (changed ? "Changed, not stored yet" : "Not changed") : "No JSON yet"}
        </span>
        <Button kind="plain" disabled={!valid} onClick={() => valid && replaceText(printJson(valid))}>
          Format
        </Button>
        <Button onClick={() => void discard()}>Cancel</Button>
        <Button kind="main" disabled={!valid || !changed} onClick={() => void review()}>
          Review and store
        </Button>
      </div>
    </div>
  );
}

function Review({
  before,
  after,
  close,
}: {
  before: string;
  after: string;
  close: (sure?: boolean) => void;
}) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        close(true);
      }}
    >
      <h2>Store these changes?</h2>
      <Diff before={before} after={after} label="Changes" />
      <div class="actions">
        <Button onClick={() => close(false)}>Edit further</Button>
        <Button type="submit" kind="main">
          Store
        </Button>
      </div>
    </form>
  );
}

function pretty(text: string): string {
  try {
    return printJson(parseJson(text));
  } catch {
    return text;
  }
}
