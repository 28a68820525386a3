// Owns the overview: how large the database is, what it does now, and how both have gone.

import { useEffect } from "preact/hooks";
import "./overview.css";
import { overview, refreshCollections, refreshOverview, sample, session, writable } from "../../app/live.ts";
import { href } from "../../app/router.ts";
import { bytes, nanos, percent, short, span, whole } from "../../ui/format.ts";
import { JobList } from "../../ui/jobs.tsx";
import { LogStrip } from "../../ui/log-strip.tsx";
import { Facts, PageHead, Panel } from "../../ui/parts.tsx";
import { Charts } from "./charts.tsx";
import { Collections } from "./collections.tsx";

export default function OverviewPage() {
  useEffect(() => {
    void refreshOverview();
    void refreshCollections();
    const timer = setInterval(() => {
      void refreshOverview();
      void refreshCollections();
    }, 5000);
    return () => clearInterval(timer);
  }, []);
  const all = overview.value;
  if (!all) return <div class="page" aria-busy="true" />;
  return (
    <div class="page">
      <PageHead title={session.value?.name ?? ""}>
        <span class="small faint mono wrap">{all.file.path}</span>
      </PageHead>
      <Notices />
      <Figures />
      <Panel
        title="The file"
        aside={
          <a href={href("upkeep")}>{writable.value ? "Compact, verify, back up" : "Verify, save a copy"}</a>
        }
      >
        <LogStrip sizes={sizes()} />
      </Panel>
      <JobList running />
      <Charts />
      <div class="beside">
        <Collections />
        <Panel title="Held in memory">
          <Facts
            facts={[
              ["Cache of documents", bytes(all.memory.cache_bytes)],
              ["Reads of many keys under way", whole(all.memory.pins)],
              ["Snapshots", whole(all.memory.snapshots)],
              [
                "Oldest snapshot",
                all.memory.oldest_snapshot_ms === null
                  ? "none"
                  : `${span(all.memory.oldest_snapshot_ms)} old`,
              ],
              [
                "Old versions kept for them",
                all.memory.undo_versions === 0
                  ? "none"
                  : `${whole(all.memory.undo_versions)}, ${bytes(all.memory.undo_bytes)}`,
              ],
            ]}
          />
        </Panel>
      </div>
    </div>
  );
}

/** The sizes as of the last second, where there are figures already. */
function sizes() {
  const known = overview.value?.bytes ?? { file: 0, log: 0, live: 0, dead: 0, held: 0 };
  const now = sample.value;
  return now ? { ...known, live: now.live_bytes, dead: now.dead_bytes, file: now.file_bytes } : known;
}

function Notices() {
  const { lag, recovery } = overview.value ?? {};
  return (
    <>
      {lag?.error && <p class="note bad">It does not come any further: {lag.error}</p>}
      {lag && !lag.error && (
        <p class="note">
          Another process has this file open. What it commits shows up here as it happens
          {lag.published > lag.sequence ? `; ${commits(lag.published - lag.sequence)} still to come.` : "."}
        </p>
      )}
      {recovery && recovery.torn_bytes > 0 && (
        <p class="note warn">
          When it was opened, an unfinished end of {bytes(recovery.torn_bytes)} was cut off
          {recovery.torn_file ? `, and saved as ${recovery.torn_file}` : ""}.
        </p>
      )}
    </>
  );
}

function Figures() {
  const now = sample.value;
  const all = overview.value;
  const documents = now?.documents ?? all?.documents ?? 0;
  const figures: [string, string, string][] = [
    [
      "Documents",
      whole(documents),
      `in ${whole((all?.collections ?? 0) + 1)} ${all?.collections ? "collections" : "collection"}`,
    ],
    ["Reads", now ? short(now.gets_per_second) : "–", "a second"],
  ];
  // What only the owner of a file measures is nothing to a follower.
  if (session.value?.access !== "follower")
    figures.push(
      ["Writes", now ? short(now.writes_per_second) : "–", "a second"],
      ["Commit", time(now?.commit_p50_ns), atP99(now?.commit_p99_ns)],
      ["Sync", time(now?.sync_p50_ns), atP99(now?.sync_p99_ns)],
    );
  figures.push([
    "Cache hits",
    now?.cache_hit_ratio == null ? "–" : percent(now.cache_hit_ratio, 1),
    "of document reads",
  ]);
  if (now?.lag_ms != null)
    figures.push(
      ["Newest commit", whole(all?.lag?.sequence ?? 0), "that is shown here"],
      ["Behind the owner", `${Math.round(now.lag_ms)} ms`, commits(now.lag_commits ?? 0)],
    );
  return (
    <dl class="figures">
      {figures.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class="number">
            <strong>{value}</strong> <span class="small faint">{more}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function commits(count: number): string {
  return count === 1 ? "1 commit" : `${whole(count)} commits`;
}

function atP99(value: number | null | undefined): string {
  return value == null ? "none in the last second" : `${nanos(value)} at p99`;
}

function time(value: number | null | undefined): string {
  return value == null ? "–" : nanos(value);
}
