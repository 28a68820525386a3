// Owns how long a document stays: reading what somebody types, and changing it.

import { useState } from "preact/hooks";
import { post } from "../../api/client.ts";
import type { Document } from "../../api/schemas.ts";
import { Button } from "../../ui/button.tsx";
import { openDialog } from "../../ui/dialog.tsx";
import { span } from "../../ui/format.ts";
import { Field } from "../../ui/parts.tsx";

const UNITS: Record<string, number> = { s: 1e3, min: 6e4, h: 36e5, d: 864e5 };

/** Milliseconds; null is for ever, and nothing where the text says no time. */
export function ttlOf(text: string): number | null | undefined {
  const words = text.trim().toLowerCase();
  if (words === "") return null;
  const parts = [...words.matchAll(/(\d+(?:\.\d+)?)\s*(s|min|m|h|d)\b\s*/gy)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join("") !== words) return undefined;
  const total = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNITS[unit === "m" ? "min" : (unit ?? "")] ?? 0),
    0,
  );
  return total >= 1 && Number.isSafeInteger(Math.round(total)) ? Math.round(total) : undefined;
}

export function TtlField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const read = ttlOf(value);
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
  const ttl = ttlOf(text);
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
