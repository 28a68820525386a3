// Owns creating a document: its key, its text, how long it stays.

import { useState } from "preact/hooks";
import { put } from "../../api/client.ts";
import type { Document } from "../../api/schemas.ts";
import { noteEdit } from "../../app/live.ts";
import { go, route } from "../../app/router.ts";
import { JsonError, parseJson } from "../../json/parse.ts";
import { compactJson } from "../../json/print.ts";
import { Button } from "../../ui/button.tsx";
import { openDialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/parts.tsx";
import { Editor } from "../document/editor.tsx";
import { lifetimeOf } from "../document/lifetime.ts";
import { TtlField } from "../document/ttl.tsx";

/** Asks for a new document, stores it and shows it. */
export async function askForNew(name: string | undefined, key = "", text = "{}"): Promise<void> {
  const stored = await openDialog<Document>(
    "New document",
    (close) => <NewDocument name={name} initialKey={key} initialText={text} close={close} />,
    true,
  );
  if (!stored) return;
  noteEdit();
  go("keys", { ...Object.fromEntries(route.value.params), c: stored.collection ?? undefined, k: stored.key });
}

interface NewDocumentProps {
  name: string | undefined;
  initialKey: string;
  initialText: string;
  close: (stored?: Document) => void;
}

function NewDocument({ name, initialKey, initialText, close }: NewDocumentProps) {
  const [key, setKey] = useState(initialKey);
  const [target, setTarget] = useState(name ?? "");
  const [text, setText] = useState(initialText);
  const [ttl, setTtl] = useState("");
  const [error, setError] = useState<string | undefined>(undefined);
  const lifetime = lifetimeOf(ttl);

  const store = async () => {
    try {
      const body = {
        collection: target === "" ? null : target,
        key,
        text: compactJson(parseJson(text)),
        if_version: 0,
        ttl_ms: lifetime,
      };
      close(await put<Document>("document", body));
    } catch (failure) {
      const taken = !(failure instanceof JsonError) && (failure as { status?: number }).status === 409;
      setError(taken ? "There is a document with this key already." : (failure as Error).message);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void store();
      }}
    >
      <h2>New document</h2>
      <div class="row wraps fields">
        <Field label="Key">
          {(id) => (
            <input
              id={id}
              class="input mono"
              autocomplete="off"
              spellcheck={false}
              value={key}
              onInput={(event) => setKey(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="Collection (empty is the root)">
          {(id) => (
            <input
              id={id}
              class="input"
              autocomplete="off"
              spellcheck={false}
              value={target}
              onInput={(event) => setTarget(event.currentTarget.value)}
            />
          )}
        </Field>
        <TtlField value={ttl} onChange={setTtl} />
      </div>
      <Editor label="Document" text={initialText} onChange={setText} onSave={() => void store()} />
      {error && (
        <p class="note bad" role="alert">
          {error}
        </p>
      )}
      <div class="actions">
        <Button onClick={() => close()}>Cancel</Button>
        <Button type="submit" kind="main" disabled={lifetime === undefined}>
          Create
        </Button>
      </div>
    </form>
  );
}
