// Owns importing: choosing a file, seeing what would come of it, and sending it piece by piece.

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, post } from "../../api/client.ts";
import type { Imported } from "../../api/schemas.ts";
import { collection, noteEdit } from "../../app/live.ts";
import { Button, Segments } from "../../ui/button.tsx";
import { bytes, visible, whole } from "../../ui/format.ts";
import { Field, Panel } from "../../ui/parts.tsx";
import { atLine, atRow, type Cut, headOf, type Piece, pieces } from "./pieces.ts";

type Format = "ndjson" | "csv";
type OnConflict = "skip" | "replace";
type Totals = Pick<Imported, "written" | "skipped" | "failed" | "errors">;

/** A preview looks at the file's beginning only. */
const PREVIEW_BYTES = 256 * 1024;
/** Half of what a request may carry, since JSON escapes some of it. */
const PIECE = 4 * 1024 * 1024;

export function Import() {
  const [file, setFile] = useState<File | undefined>(undefined);
  const [format, setFormat] = useState<Format>("ndjson");
  const [keyField, setKeyField] = useState("key");
  const [target, setTarget] = useState(collection.value ?? "");
  const [onConflict, setOnConflict] = useState<OnConflict>("skip");
  const [preview, setPreview] = useState<Imported | undefined>(undefined);
  const [error, setError] = useState<string | undefined>(undefined);
  const [sent, setSent] = useState<number | undefined>(undefined);
  const [totals, setTotals] = useState<Totals | undefined>(undefined);
  const abort = useRef<AbortController | undefined>(undefined);

  const body = (piece: Pick<Piece, "text" | "line">) => ({
    format,
    collection: target === "" ? null : target,
    text: piece.text,
    line: piece.line,
    key_field: keyField,
    on_conflict: onConflict,
  });

  const cut = format === "csv" ? atRow : atLine;

  // biome-ignore lint/correctness/useExhaustiveDependencies: whatever is chosen changes what would come of it
  useEffect(() => {
    if (!file) return;
    const stopped = new AbortController();
    setPreview(undefined);
    setError(undefined);
    beginning(file, cut)
      .then((text) => post<Imported>("import", { ...body({ text, line: 1 }), preview: true }, stopped.signal))
      .then(setPreview, (failure: Error) => failure.name !== "AbortError" && setError(told(failure)));
    return () => stopped.abort();
  }, [file, format, keyField, target, onConflict]);

  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    setTotals(undefined);
    if (chosen) setFormat(/\.csv$/i.test(chosen.name) ? "csv" : "ndjson");
  };
  const store = async (piece: Piece, later: object, signal: AbortSignal): Promise<Imported> => {
    try {
      return await post<Imported>("import", { ...body(piece), ...later }, signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 413)) throw error;
      const message =
        "This document is larger than a request may be; the command `ferrumdb import` takes it.";
      const errors = [{ line: piece.line, message }];
      return { documents: 0, written: 0, skipped: 0, failed: 1, errors, preview: [], export: false };
    }
  };
  const send = async () => {
    if (!file) return;
    const sum: Totals = { written: 0, skipped: 0, failed: 0, errors: [] };
    abort.current = new AbortController();
    setError(undefined);
    setTotals(undefined);
    try {
      // What the first piece has told of the file holds for the others.
      let later: { export?: boolean; head?: string } = {};
      for await (const piece of pieces(file.stream(), PIECE, cut)) {
        const answer = await store(piece, later, abort.current.signal);
        if (piece.line === 1)
          later = format === "csv" ? { head: headOf(piece.text) } : { export: answer.export };
        sum.written += answer.written;
        sum.skipped += answer.skipped;
        sum.failed += answer.failed;
        sum.errors = [...sum.errors, ...answer.errors].slice(0, 100);
        setSent(piece.bytes);
        setTotals({ ...sum });
      }
    } catch (failure) {
      setError(
        abort.current.signal.aborted
          ? "The import was stopped. What was stored until then stays."
          : told(failure as Error),
      );
    }
    setSent(undefined);
    noteEdit();
  };

  return (
    <Panel title="Import">
      <div class="stack">
        <Field
          label="File"
          hint="NDJSON: lines of an export, or objects that hold their key. CSV: a line of names first."
        >
          {(id) => (
            <input
              id={id}
              class="input"
              type="file"
              accept=".ndjson,.jsonl,.json,.csv"
              onChange={(event) => choose(event.currentTarget.files?.[0])}
            />
          )}
        </Field>
        {file && (
          <>
            <div class="row wraps">
              <Segments
                label="Form"
                value={format}
                options={[
                  ["ndjson", "NDJSON"],
                  ["csv", "CSV"],
                ]}
                onChange={setFormat}
              />
              <Segments
                label="Where a key is there already"
                value={onConflict}
                options={[
                  ["skip", "Skip what is there"],
                  ["replace", "Replace it"],
                ]}
                onChange={setOnConflict}
              />
            </div>
            <div class="row wraps fields">
              <Field label="Collection (empty is the root)">
                {(id) => (
                  <input
                    id={id}
                    class="input"
                    spellcheck={false}
                    value={target}
                    onInput={(event) => setTarget(event.currentTarget.value)}
                  />
                )}
              </Field>
              <Field label="Field that holds the key">
                {(id) => (
                  <input
                    id={id}
                    class="input mono"
                    spellcheck={false}
                    value={keyField}
                    onInput={(event) => setKeyField(event.currentTarget.value)}
                  />
                )}
              </Field>
            </div>
            {preview && <Preview preview={preview} />}
            {sent !== undefined && (
              <progress aria-label="Importing" max={1} value={sent / Math.max(1, file.size)} />
            )}
            <div class="row">
              <Button
                kind="main"
                icon="upload"
                disabled={sent !== undefined || !preview}
                onClick={() => {
                  setSent(0);
                  void send();
                }}
              >
                Import {bytes(file.size)}
              </Button>
              {sent !== undefined && <Button onClick={() => abort.current?.abort()}>Stop</Button>}
            </div>
          </>
        )}
        {totals && (
          <p class={totals.failed > 0 ? "note warn" : "note good"} role="status">
            {whole(totals.written)} stored, {whole(totals.skipped)} skipped, {whole(totals.failed)} lines are
            no documents.
          </p>
        )}
        {totals && totals.errors.length > 0 && <Errors errors={totals.errors} />}
        {error && (
          <p class="note bad" role="alert">
            {error}
          </p>
        )}
      </div>
    </Panel>
  );
}

function Preview({ preview }: { preview: Imported }) {
  return (
    <div class="stack" role="group" aria-label="Preview">
      <p class="small soft">
        Of the file's beginning, {whole(preview.documents)} lines are documents
        {preview.failed > 0 ? ` and ${whole(preview.failed)} ${preview.failed === 1 ? "is" : "are"} not` : ""}
        . The first ones:
      </p>
      <ul class="sample mono small">
        {preview.preview.slice(0, 6).map((one, index) => (
          <li key={index} class="row">
            <span class="cut">{visible(one.key)}</span>
            <span class="cut grow faint">{visible(one.text)}</span>
            {one.exists && <span class="tag warn">is there</span>}
          </li>
        ))}
        {preview.preview.length === 0 && <li>none</li>}
      </ul>
      {preview.errors.length > 0 && <Errors errors={preview.errors} />}
    </div>
  );
}

function Errors({ errors }: { errors: Imported["errors"] }) {
  return (
    <ul class="note bad small">
      {errors.slice(0, 5).map(({ line, message }) => (
        <li key={line}>
          Line {whole(line)}: {message}
        </li>
      ))}
      {errors.length > 5 && <li>and {errors.length - 5} more</li>}
    </ul>
  );
}

async function beginning(file: File, cut: Cut): Promise<string> {
  const text = await file.slice(0, PREVIEW_BYTES).text();
  // The last document is cut somewhere, unless the file ends here.
  return file.size <= PREVIEW_BYTES ? text : text.slice(0, cut(text));
}

function told(error: Error): string {
  return error instanceof TypeError ? "The file is no UTF-8 text." : error.message;
}
