// Owns the page of upkeep: is the file sound, can it be smaller, and bringing documents out and in.

import { useEffect } from "preact/hooks";
import "./upkeep.css";
import { address, post } from "../../api/client.ts";
import type { Job, Verification } from "../../api/schemas.ts";
import {
  collection,
  collections,
  jobs,
  overview,
  refreshOverview,
  refreshUndos,
  session,
  undos,
  whenEnded,
  writable,
} from "../../app/live.ts";
import { go } from "../../app/router.ts";
import { Button } from "../../ui/button.tsx";
import { confirm, toastError } from "../../ui/dialog.tsx";
import { bytes, percent, span, visible, whole } from "../../ui/format.ts";
import { JobList } from "../../ui/jobs.tsx";
import { LogStrip } from "../../ui/log-strip.tsx";
import { CollectionSelect, Field, PageHead, Panel } from "../../ui/parts.tsx";
import { undo } from "../keys/selection.ts";
import { Import } from "./import.tsx";

export default function UpkeepPage() {
  useEffect(() => {
    void refreshOverview();
    void refreshUndos();
  }, []);
  return (
    <div class="page">
      <PageHead title="Upkeep" />
      <div class="upkeep">
        <div class="stack">
          <Verify />
          <Compact />
          <Undos />
        </div>
        <div class="stack">
          <Save />
          {writable.value && <Import />}
        </div>
      </div>
      <JobList />
    </div>
  );
}

function running(kind: Job["kind"]): boolean {
  return jobs.value.some((job) => job.kind === kind && job.state === "running");
}

async function begin(path: string, body: unknown, then: (job: Job) => void = () => {}): Promise<void> {
  try {
    whenEnded((await post<{ job: Job }>(path, body)).job, then);
  } catch (error) {
    toastError(error);
  }
}

/** Lets the browser save a backup that was asked for here. */
function save({ id, state }: Job): void {
  if (state !== "done") return;
  const link = document.createElement("a");
  link.href = address("backup", { job: id });
  link.download = "";
  link.click();
}

function Verify() {
  const last = jobs.value.find((job) => job.kind === "verify" && job.state === "done")?.result as
    | Verification
    | undefined;
  return (
    <Panel title="Is the file sound?">
      <div class="stack">
        <p class="soft">
          Reads the whole file, checks every checksum and compares it with what is known in memory. Nothing is
          changed.
        </p>
        {last && (
          <p class={last.sound ? "note good" : "note bad"} role="status">
            {last.sound
              ? `All is as it should be, up to commit ${whole(last.sequence)}.`
              : `${whole(last.findings_total)} things are wrong.`}
          </p>
        )}
        {last && last.findings.length > 0 && (
          <div class="scroll-x" tabIndex={0} role="group" aria-label="Findings">
            <table>
              <thead>
                <tr>
                  <th scope="col" class="end">
                    Position
                  </th>
                  <th scope="col" class="end">
                    Commit
                  </th>
                  <th scope="col">Key</th>
                  <th scope="col">What is wrong</th>
                </tr>
              </thead>
              <tbody>
                {last.findings.map((finding) => (
                  <tr key={`${finding.position} ${finding.what}`}>
                    <td class="end number">{whole(finding.position)}</td>
                    <td class="end number">{finding.sequence === null ? "–" : whole(finding.sequence)}</td>
                    <td class="mono wrap">{finding.key === null ? "–" : visible(finding.key)}</td>
                    <td>{finding.what}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        <div>
          <Button icon="check" disabled={running("verify")} onClick={() => void begin("verify", {})}>
            Verify
          </Button>
        </div>
      </div>
    </Panel>
  );
}

function Compact() {
  const sizes = overview.value?.bytes;
  const name = session.value?.name ?? "";
  const ask = async () => {
    const text = (
      <>
        <p>
          The file is written anew without what was replaced or deleted: about {bytes(sizes?.dead ?? 0)} are
          won. Reads and writes go on meanwhile.
        </p>
        <p class="note warn">
          What documents were before is gone afterwards: their history begins anew, and deletions cannot be
          undone for ever.
        </p>
      </>
    );
    if (await confirm({ title: "Compact the file?", text, action: "Compact", danger: true, typed: name }))
      await begin("compact", { confirm: name });
  };
  return (
    <Panel title="Can it be smaller?">
      <div class="stack">
        {sizes && <LogStrip sizes={sizes} />}
        <p class="soft">
          {sizes && sizes.dead > 0
            ? `A compaction would win ${percent(sizes.dead, sizes.log)} of the log.`
            : "There is nothing to win."}
        </p>
        {writable.value && (
          <div>
            <Button icon="upkeep" disabled={running("compact")} onClick={() => void ask()}>
              Compact
            </Button>
          </div>
        )}
      </div>
    </Panel>
  );
}

function Save() {
  const name = collection.value;
  const several = collections.value.length > 1;
  return (
    <Panel title="Save a copy">
      <div class="stack">
        <p class="soft">
          A backup is a whole database by itself, as of one moment. Writes go on while it is made.
        </p>
        {session.value?.access === "follower" ? (
          <p class="note">The process that owns this file backs it up.</p>
        ) : (
          <div>
            <Button
              icon="download"
              disabled={running("backup")}
              onClick={() => void begin("backup", {}, save)}
            >
              Back up
            </Button>
          </div>
        )}
        <Field label="Export a collection">
          {() => <CollectionSelect value={name} onChange={(c) => go("upkeep", { c })} />}
        </Field>
        <div class="row wraps">
          <a class="button" href={address("export", { format: "ndjson", collection: name })} download>
            As NDJSON
          </a>
          <a class="button" href={address("export", { format: "csv", collection: name })} download>
            As CSV
          </a>
          {several && (
            <a class="button" href={address("export", { format: "ndjson", all: true })} download>
              All collections as NDJSON
            </a>
          )}
        </div>
      </div>
    </Panel>
  );
}

function Undos() {
  if (undos.value.length === 0) return null;
  return (
    <Panel title="What can be undone">
      <ul class="stack">
        {undos.value.map((one) => (
          <li key={one.id} class="row wraps">
            <span class="grow wrap">{visible(one.what)}</span>
            <span class="small soft number">
              {whole(one.documents)} {one.documents === 1 ? "document" : "documents"}, for{" "}
              {span(one.until - Date.now())}
            </span>
            <Button icon="restore" onClick={() => void undo(one.id)}>
              Undo
            </Button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
