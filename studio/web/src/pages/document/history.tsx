// Owns what a key has held: its versions, what each has changed, and bringing one back.

import { useEffect, useState } from "preact/hooks";
import { get, put } from "../../api/client.ts";
import type { Document, History, Version } from "../../api/schemas.ts";
import { edits, writable } from "../../app/live.ts";
import { Button } from "../../ui/button.tsx";
import { confirm, toast, toastError } from "../../ui/dialog.tsx";
import { Diff } from "../../ui/diff.tsx";
import { bytes, time, whole } from "../../ui/format.ts";

interface HistoryPaneProps {
  name: string | undefined;
  documentKey: string;
  /** The document as it is now; null if there is none. */
  current: Document | null | undefined;
  onRestored: (fresh: Document) => void;
}

export function HistoryPane({ name, documentKey: key, current, onRestored }: HistoryPaneProps) {
  const [versions, setVersions] = useState<readonly Version[]>([]);
  const [end, setEnd] = useState<History | undefined>(undefined);
  const [chosen, setChosen] = useState(0);
  const [error, setError] = useState<string | undefined>(undefined);
  const changed = edits.value;

  const load = async (before?: number) => {
    try {
      const page = await get<History>("history", { collection: name, key, before, limit: 20 });
      setVersions((known) => (before === undefined ? page.versions : [...known, ...page.versions]));
      setEnd(page);
    } catch (failure) {
      setError((failure as Error).message);
    }
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: after an edit there is one version more
  useEffect(() => {
    setChosen(0);
    void load();
  }, [name, key, changed]);

  const version = versions[chosen];
  const restore = async ({ sequence, text }: Version) => {
    if (text === null) return;
    const question = {
      title: `Bring back version ${sequence}?`,
      text: <Diff before={current?.text ?? "null"} after={text} label="Changes" />,
      action: "Bring it back",
    };
    if (!(await confirm(question))) return;
    try {
      const fresh = await put<Document>("document", {
        collection: name ?? null,
        key,
        text,
        if_version: current?.version ?? 0,
      });
      toast(`Version ${sequence} was brought back.`);
      onRestored(fresh);
    } catch (failure) {
      toastError(failure);
    }
  };

  if (error) return <p class="note bad">{error}</p>;
  return (
    <div class="history">
      <div class="history-list">
        <ol aria-label="Versions">
          {versions.map((one, index) => (
            <li key={one.sequence}>
              <button type="button" aria-pressed={index === chosen} onClick={() => setChosen(index)}>
                <span class={`dot ${one.kind} age-${Math.min(index, 4)}`} aria-hidden="true" />
                <span class="grow">
                  <span class="number">
                    {one.kind === "set"
                      ? `Version ${whole(one.sequence)}`
                      : `${words(one.kind)} at ${whole(one.sequence)}`}
                  </span>
                  <span class="small faint number">
                    {one.time === null ? "time not known" : time(one.time)}
                  </span>
                </span>
                {one.text !== null && <span class="small faint number">{bytes(one.bytes)}</span>}
              </button>
            </li>
          ))}
        </ol>
        {end?.more && (
          <Button kind="plain" onClick={() => void load(versions.at(-1)?.sequence)}>
            Show earlier ones
          </Button>
        )}
        {end && !end.more && (
          <p class="small faint ends">
            {versions.length === 0 ? "Nothing is known of this key. " : ""}
            {end.floor > 1
              ? `What was replaced before commit ${whole(end.floor)} may be gone: a compaction has left it out.`
              : "This is all that it has ever held."}
          </p>
        )}
      </div>
      {version && (
        <div class="history-one">
          <div class="row wraps">
            <h3 class="grow">
              What {version.kind === "set" ? `version ${whole(version.sequence)}` : "this"} has changed
            </h3>
            {writable.value && version.text !== null && version.sequence !== current?.version && (
              <Button icon="restore" onClick={() => void restore(version)}>
                Bring it back
              </Button>
            )}
          </div>
          <Changed version={version} before={versions[chosen + 1]} />
        </div>
      )}
    </div>
  );
}

function Changed({ version, before }: { version: Version; before: Version | undefined }) {
  if (version.text === null) return <p class="soft">From here on there was no document.</p>;
  return <Diff before={before?.text ?? ""} after={version.text} label="Changes" />;
}

function words(kind: Version["kind"]): string {
  return { set: "Set", deleted: "Deleted", expired: "Expired", dropped: "Dropped" }[kind];
}
