// Owns one document: what is known of it, reading it, and the ways to change it.

import { useEffect, useMemo, useState } from "preact/hooks";
import "./document.css";
import { ApiError, get } from "../../api/client.ts";
import type { Document } from "../../api/schemas.ts";
import { useCommands } from "../../app/commands.ts";
import { collectionLabel, edits, noteEdit, writable } from "../../app/live.ts";
import { tryParseJson } from "../../json/parse.ts";
import { printJson } from "../../json/print.ts";
import { Button, IconButton, Segments } from "../../ui/button.tsx";
import { bytes, span, visible, whole } from "../../ui/format.ts";
import { Icon } from "../../ui/icon.tsx";
import { Empty } from "../../ui/parts.tsx";
import { askToDelete } from "../keys/delete.tsx";
import { askForNew } from "../keys/new.tsx";
import { drafts, EditPane } from "./edit.tsx";
import { HistoryPane } from "./history.tsx";
import { copy, JsonView } from "./json-view.tsx";
import { useNewest } from "./newest.ts";
import { askForTtl } from "./ttl.tsx";

interface DocumentPaneProps {
  name: string | undefined;
  documentKey: string;
  onClose: () => void;
}

type View = "read" | "edit" | "history";

export function DocumentPane({ name, documentKey: key, onClose }: DocumentPaneProps) {
  const [document, setDocument] = useState<Document | null | undefined>(undefined);
  const [error, setError] = useState<string | undefined>(undefined);
  const [view, setView] = useState<View>(drafts.has(name, key) ? "edit" : "read");
  const [round, setRound] = useState(0);
  const newest = useNewest(name, key, document);
  const changed = edits.value;

  // biome-ignore lint/correctness/useExhaustiveDependencies: after an edit the document is looked at anew
  useEffect(() => {
    const abort = new AbortController();
    get<Document>("document", { collection: name, key }, abort.signal)
      .then((found) => {
        setDocument(found);
        setError(undefined);
      })
      .catch((failure) => {
        if (failure.name === "AbortError") return;
        if (failure instanceof ApiError && failure.status === 404) setDocument(null);
        else setError(failure.message);
      });
    return () => abort.abort();
  }, [name, key, changed, round]);

  const stored = (fresh: Document) => {
    setDocument(fresh);
    setView("read");
    noteEdit();
  };
  useCommands(
    document && writable.value
      ? [
          { label: "Edit the document", icon: "edit", key: "e", run: () => setView("edit") },
          {
            label: "Duplicate the document",
            icon: "copy",
            key: "d",
            run: () => void askForNew(name, copyName(key), pretty(document)),
          },
        ]
      : [],
    [document, writable.value],
  );

  return (
    <>
      <header class="document-head">
        <div class="row">
          <IconButton icon="close" label="Close the document" onClick={onClose} />
          <h2 class="grow mono wrap document-key">{visible(key)}</h2>
          <IconButton icon="copy" label="Copy the key" onClick={() => copy(key, "The key was copied.")} />
        </div>
        {document && <KnownOf document={document} />}
        <div class="row wraps">
          <Segments
            label="What to show"
            value={view}
            options={[
              ["read", "Read"] as const,
              ...(writable.value ? [["edit", "Edit"] as const] : []),
              ["history", "History"] as const,
            ]}
            onChange={setView}
          />
          <span class="grow" />
          {document && writable.value && <Actions document={document} name={name} onChanged={stored} />}
        </div>
      </header>
      {error && <p class="note bad">{error}</p>}
      {newest !== undefined && view !== "history" && (
        <div class="row wraps note warn newest" role="status">
          <span class="grow">
            {newest === 0
              ? "It was deleted in the meantime."
              : `Version ${whole(newest)} was stored in the meantime.`}
          </span>
          {view === "read" && <Button onClick={() => setRound(round + 1)}>Show what is there now</Button>}
        </div>
      )}
      {view === "history" ? (
        <HistoryPane name={name} documentKey={key} current={document} onRestored={stored} />
      ) : document === null ? (
        <Empty icon="keys" title="There is no such document">
          <p>It was deleted, or it has expired. Its history may still be there.</p>
          <Button icon="history" onClick={() => setView("history")}>
            Look into its history
          </Button>
        </Empty>
      ) : document === undefined ? (
        <p class="waiting" aria-busy="true" />
      ) : view === "edit" ? (
        <EditPane
          key={document.version}
          document={document}
          onStored={stored}
          onLeave={() => setView("read")}
        />
      ) : (
        <Reading document={document} />
      )}
    </>
  );
}

function Reading({ document }: { document: Document }) {
  const json = useMemo(() => tryParseJson(document.text), [document.text]);
  if (!json) return <pre class="whole">{document.text}</pre>;
  return <JsonView key={document.version} document={json} />;
}

function KnownOf({ document }: { document: Document }) {
  return (
    <p class="row wraps small soft number">
      <span title="The collection">{visible(collectionLabel(document.collection))}</span>
      <span aria-hidden="true">·</span>
      <span>{bytes(document.bytes)}</span>
      <span aria-hidden="true">·</span>
      <span title="The commit that wrote it">version {whole(document.version)}</span>
      {document.ttl_ms !== null && (
        <span class="tag warn">
          <Icon name="clock" size={12} /> expires in {span(document.ttl_ms)}
        </span>
      )}
    </p>
  );
}

function Actions({
  document,
  name,
  onChanged,
}: {
  document: Document;
  name: string | undefined;
  onChanged: (fresh: Document) => void;
}) {
  return (
    <>
      <IconButton
        icon="duplicate"
        label="Duplicate (d)"
        onClick={() => void askForNew(name, copyName(document.key), pretty(document))}
      />
      <IconButton
        icon="clock"
        label="Time to live"
        onClick={() => void askForTtl(document).then((fresh) => fresh && onChanged(fresh))}
      />
      <IconButton
        icon="trash"
        label="Delete"
        onClick={() => void askToDelete(name, { keys: [document.key] }, document.version)}
      />
    </>
  );
}

function copyName(key: string): string {
  return `${key}-copy`;
}

function pretty(document: Document): string {
  const json = tryParseJson(document.text);
  return json ? printJson(json) : document.text;
}
