// Owns how work in the background is shown: how far it is, what came of it, and stopping it.

import { address, post } from "../api/client.ts";
import type { BackedUp, Job } from "../api/schemas.ts";
import { jobs, sample, writable } from "../app/live.ts";
import { Button } from "./button.tsx";
import { toastError } from "./dialog.tsx";
import { bytes, clock, percent, span, whole } from "./format.ts";
import { Icon } from "./icon.tsx";
import { Panel } from "./parts.tsx";

/** What whoever may only read may stop. */
const STOPPED_BY_READERS: readonly Job["kind"][] = ["verify", "backup"];

/** The jobs that are under way, or all that are known. */
export function JobList({ running = false }: { running?: boolean }) {
  const shown = jobs.value.filter(({ state }) => !running || state === "running");
  if (shown.length === 0) return null;
  return (
    <Panel title={running ? "Under way" : "Work in the background"}>
      <ul class="stack">
        {shown.map((job) => (
          <li key={job.id}>
            <JobView job={job} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

export function JobView({ job }: { job: Job }) {
  const cancel = () => post("jobs/cancel", { id: job.id }).catch(toastError);
  return (
    <div class="stack job" aria-busy={job.state === "running"}>
      <div class="row wraps">
        <span class="grow wrap">{job.title}</span>
        <span class="small soft number">
          {job.state === "running"
            ? left(job)
            : `${clock(job.started)}, ${span((job.ended ?? job.started) - job.started)}`}
        </span>
        <span class={`tag ${{ running: "", done: "good", failed: "bad", cancelled: "warn" }[job.state]}`}>
          {{ running: "under way", done: "done", failed: "failed", cancelled: "stopped" }[job.state]}
        </span>
        {job.state === "running" && mayStop(job) && (
          <Button kind="plain" onClick={() => void cancel()}>
            Stop
          </Button>
        )}
      </div>
      {job.state === "running" && (
        <progress
          aria-label={job.title}
          max={1}
          {...(job.of > 0 && { value: Math.min(1, job.done / job.of) })}
        />
      )}
      {job.state === "failed" && <p class="note bad">{job.error?.message}</p>}
      {job.result && <p class="small soft">{outcome(job)}</p>}
      <BackupLink job={job} />
    </div>
  );
}

/** Where a backup is saved, as long as it is kept. */
export function BackupLink({ job }: { job: Job }) {
  const kept = backupOf(job);
  if (!kept) return null;
  return (
    <div>
      <a class="button" href={address("backup", { job: job.id })} download={kept.file_name}>
        <Icon name="download" />
        Save the backup
      </a>
    </div>
  );
}

/** The backup that a job has made, if it is the newest one and is kept yet. */
function backupOf({ id, result }: Job): BackedUp | undefined {
  if (!result || !("file_name" in result)) return undefined;
  const isNewest = !jobs.value.some((other) => other.kind === "backup" && other.id > id);
  return isNewest && result.until > (sample.value?.time ?? Date.now()) ? result : undefined;
}

/** What is one commit cannot be stopped. */
function mayStop({ kind }: Job): boolean {
  return STOPPED_BY_READERS.includes(kind) || (writable.value && kind !== "delete");
}

function left(job: Job): string {
  const amount = (count: number) => (job.unit === "bytes" ? bytes(count) : whole(count));
  if (job.of === 0) return job.done === 0 ? "" : amount(job.done);
  const passed = Date.now() - job.started;
  const rest = job.done > 0 ? (passed * (job.of - job.done)) / job.done : 0;
  const time = rest > 2000 ? `, ${span(rest)} left` : "";
  return `${amount(job.done)} of ${amount(job.of)}, ${percent(job.done, job.of)}${time}`;
}

/** What came of a job, in a sentence. */
export function outcome({ result }: Job): string {
  if (!result) return "";
  if ("bytes_before" in result) {
    const won = result.bytes_before - result.bytes_after;
    return `${bytes(Math.max(0, won))} won: the log had ${bytes(result.bytes_before)} and has ${bytes(result.bytes_after)}. ${whole(result.records_dropped)} records were left out.`;
  }
  if ("file_name" in result)
    return `${whole(result.records)} records up to commit ${whole(result.sequence)}, ${bytes(result.bytes)}, read back and verified.`;
  if ("sound" in result) {
    const read = `${whole(result.documents)} documents in ${whole(result.commits)} commits, ${bytes(result.bytes)} read.`;
    return result.sound
      ? `All is as it should be: ${read}`
      : `${whole(result.findings_total)} things are wrong. ${read}`;
  }
  if ("deleted" in result) return `${whole(result.deleted)} documents were deleted.`;
  if ("restored" in result) {
    const kept =
      result.kept > 0
        ? ` ${whole(result.kept)} did not: they have a new document, or would have expired.`
        : "";
    return `${whole(result.restored)} documents came back.${kept}`;
  }
  return `It is used from commit ${whole(result.sequence)} on.`;
}
