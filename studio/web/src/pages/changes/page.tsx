// Owns the page of the change feed: what is committed, as it is committed, and what each change has changed.

import { useEffect, useMemo, useState } from "preact/hooks";
import "./changes.css";
import { useCommands } from "../../app/commands.ts";
import { collectionLabel, overview, sample } from "../../app/live.ts";
import { change as changeAddress, href, route } from "../../app/router.ts";
import { Button } from "../../ui/button.tsx";
import { Diff } from "../../ui/diff.tsx";
import { bytes, clock, time, visible, whole } from "../../ui/format.ts";
import { CollectionSelect, Empty, PageHead } from "../../ui/parts.tsx";
import { Virtual } from "../../ui/virtual.tsx";
import { Feed, type Seen } from "./feed.ts";

export default function ChangesPage() {
  const { params } = route.value;
  const prefix = params.get("p") ?? "";
  const only = params.get("o");
  const since = params.get("s");
  const filter = useMemo(
    () => ({ collection: only?.startsWith("=") ? only.slice(1) : undefined, root: only === "root", prefix }),
    [only, prefix],
  );
  const feed = useMemo(() => new Feed(filter, since === null ? undefined : Number(since)), [filter, since]);
  useEffect(() => () => feed.close(), [feed]);
  const [chosen, setChosen] = useState<number | undefined>(undefined);
  const changes = feed.changes.value;
  const at = changes.findIndex(({ place }) => place === chosen);
  const paused = feed.state.value === "paused" || feed.state.value === "ended";
  const turn = () => (paused ? feed.resume() : feed.pause());
  useCommands(
    [
      {
        label: paused ? "Resume the feed" : "Pause the feed",
        icon: paused ? "play" : "pause",
        key: "p",
        run: turn,
      },
    ],
    [feed, paused],
  );
  return (
    <div class="page changes-page">
      <PageHead title="Changes">
        <span
          class={`tag ${{ connecting: "warn", following: "good", paused: "", ended: "bad" }[feed.state.value]}`}
          role="status"
        >
          {
            { connecting: "connecting", following: "following", paused: "paused", ended: "ended" }[
              feed.state.value
            ]
          }
        </span>
        <Button icon={paused ? "play" : "pause"} onClick={turn}>
          {paused ? "Resume" : "Pause"}
        </Button>
      </PageHead>
      <div class="row wraps changes-tools">
        <CollectionSelect
          any={{ label: "All collections", onChoose: () => changeAddress({ o: undefined }) }}
          value={filter.root ? undefined : (filter.collection ?? null)}
          onChange={(name) => changeAddress({ o: name === undefined ? "root" : `=${name}` })}
        />
        <input
          type="search"
          class="input mono grow"
          data-search
          aria-label="Keys that begin with"
          placeholder="Keys that begin with …"
          spellcheck={false}
          value={prefix}
          onChange={(event) => changeAddress({ p: event.currentTarget.value || undefined })}
        />
        <Button
          onClick={() =>
            changeAddress({ s: since === null ? String(overview.value?.file.history_floor ?? 0) : undefined })
          }
          aria-pressed={since !== null}
        >
          From the beginning
        </Button>
        <Button kind="plain" disabled={changes.length === 0} onClick={() => feed.clear()}>
          Clear
        </Button>
      </div>
      {feed.error.value && (
        <p class="note bad" role="alert">
          {feed.error.value}
        </p>
      )}
      <div class="changes-body">
        {changes.length === 0 ? (
          <Empty icon="changes" title={paused ? "Nothing has come so far" : "Waiting for the next commit"}>
            <p>
              Each set, delete and expiry shows up here with what was there before. The newest commit is{" "}
              {whole(overview.value?.sequence ?? 0)}.
            </p>
          </Empty>
        ) : (
          <Virtual
            label="Changes, the newest first"
            role="listbox"
            count={changes.length}
            current={at}
            rowId={(index) => `change-${index}`}
            onMove={(index) => setChosen(changes[index]?.place)}
            row={(index) => {
              const one = changes[index];
              return (
                one && (
                  <ChangeRow
                    id={`change-${index}`}
                    change={one}
                    at={index === at}
                    age={ageOf(one)}
                    onClick={() => setChosen(one.place)}
                  />
                )
              );
            }}
          />
        )}
        {changes[at] && <ChangeDetail change={changes[at]} />}
      </div>
    </div>
  );
}

function ChangeRow({
  id,
  change,
  at,
  age,
  onClick,
}: {
  id: string;
  change: Seen;
  at: boolean;
  age: number;
  onClick: () => void;
}) {
  return (
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={at}
      class={at ? "change-row at" : "change-row"}
      onClick={onClick}
    >
      <span class={`dot ${change.kind} age-${age}`} aria-hidden="true" />
      <span class="number faint small when">{clock(change.time)}</span>
      <span class="small what">{kindOf(change)}</span>
      {change.kind === "dropped" ? (
        <span class="cut soft grow">the whole collection</span>
      ) : (
        <span class="cut mono grow">{visible(change.key)}</span>
      )}
      <span class="small soft cut where">{visible(collectionLabel(change.collection))}</span>
      <span class="number faint small size">{change.after ? bytes(change.after.bytes) : ""}</span>
    </div>
  );
}

function ChangeDetail({ change }: { change: Seen }) {
  return (
    <section class="panel change-detail" aria-label="The change">
      <h2 class="mono wrap">
        {visible(change.kind === "dropped" ? collectionLabel(change.collection) : change.key)}
      </h2>
      <p class="small soft number">
        {kindOf(change)} by commit {whole(change.sequence)}, {time(change.time)}
      </p>
      {change.kind !== "dropped" && (
        <p>
          <a href={href("keys", { c: change.collection ?? undefined, k: change.key })}>Open the document</a>
        </p>
      )}
      {(change.before || change.after) && (
        <Diff before={change.before?.text ?? ""} after={change.after?.text ?? ""} label="The change" />
      )}
      {[change.before, change.after].some(
        (side) => side && new TextEncoder().encode(side.text).length < side.bytes,
      ) && <p class="small faint">Only the beginning of the document is compared.</p>}
    </section>
  );
}

/** How cold a change is by now: what is fresh is hot. */
function ageOf({ time }: Seen): number {
  // The samples come each second, so that the colours change without new changes.
  const now = Math.max(Date.now(), sample.value?.time ?? 0);
  const found = COOLING_MS.findIndex((limit) => now - time < limit);
  return found < 0 ? COOLING_MS.length : found;
}

const COOLING_MS = [5_000, 30_000, 120_000, 600_000];

function kindOf({ kind, before }: Seen): string {
  if (kind === "set") return before ? "replaced" : "created";
  return kind;
}
