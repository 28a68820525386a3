// Owns asking how long a document stays, and changing it.

import { useState } from "preact/hooks";
import { post } from "../../api/client.ts";
import type { Document } from "../../api/schemas.ts";
import { Button } from "../../ui/button.tsx";
import { openDialog } from "../../ui/dialog.tsx";
import { span } from "../../ui/format.ts";
import { Field } from "../../ui/parts.tsx";
import { lifetimeOf } from "./lifetime.ts";

export function TtlField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const read = lifetimeOf(value);
  return (
    <Field
      label="Time to live"
      hint={
        read === undefined
          ? "Write it like 90 s, 15 min, 2 h 30 min or 7 d."
          : read === null
            ? "Empty: it stays for ever."
            : `It stays for ${span(read)}.`
      }
    >
      {(id) => (
        <input
          id={id}
          class="input"
          autocomplete="off"
          placeholder="for ever"
          aria-invalid={read === undefined}
          value={value}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** Asks for another time to live; answers the document as it is stored then. */
export function askForTtl(document: Document): Promise<Document | undefined> {
  return openDialog<Document>("Time to live", (close) => <ChangeTtl document={document} close={close} />);
}

function ChangeTtl({ document, close }: { document: Document; close: (stored?: Document) => void }) {
  const [text, setText] = useState(document.ttl_ms === null ? "" : span(document.ttl_ms));
  const [error, setError] = useState<string | undefined>(undefined);
  const ttl = lifetimeOf(text);
  const store = async () => {
    try {
      const { key, collection, version } = document;
      close(await post<Document>("document/ttl", { collection, key, if_version: version, ttl_ms: ttl }));
    } catch (failure) {
      setError((failure as Error).message);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ttl !== undefined) void store();
      }}
    >
      <h2>How long does it stay?</h2>
      <TtlField value={text} onChange={setText} />
      {error && (
        <p class="note bad" role="alert">
          {error}
        </p>
      )}
      <div class="actions">
        <Button onClick={() => close()}>Cancel</Button>
        <Button type="submit" kind="main" disabled={ttl === undefined}>
          Change
        </Button>
      </div>
    </form>
  );
}
