// Owns how work in the background is shown: how far it is, what came of it, and stopping it.

import { post } from "../api/client.ts";
import type { Job } from "../api/schemas.ts";
import { jobs, writable } from "../app/live.ts";
import { Button } from "./button.tsx";
import { toastError } from "./dialog.tsx";
import { bytes, clock, percent, span, whole } from "./format.ts";
import { Panel } from "./parts.tsx";

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
        {job.state === "running" && (writable.value || job.kind === "verify") && (
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
    </div>
  );
}

function left(job: Job): string {
  const amount = (count: number) => (job.unit === "bytes" ? bytes(count) : whole(count));
  if (job.of === 0) return amount(job.done);
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
