// Owns the page of the file's facts.

import { useEffect } from "preact/hooks";
import { overview, refreshOverview, session } from "../../app/live.ts";
import { bytes, whole } from "../../ui/format.ts";
import { Facts, PageHead, Panel } from "../../ui/parts.tsx";

export default function FilePage() {
  useEffect(() => void refreshOverview(), []);
  const all = overview.value;
  const who = session.value;
  if (!all || !who) return <div class="page" aria-busy="true" />;
  const { file, recovery } = all;
  return (
    <div class="page">
      <PageHead title="File" />
      <Panel title={file.name}>
        <Facts
          facts={[
            ["Path", <code key="path">{file.path}</code>],
            ["Format", `version ${file.format_version}`],
            ["Length", bytes(all.bytes.file)],
            ["Log", bytes(all.bytes.log)],
            ["Newest commit", whole(all.sequence)],
            ["Generation", file.generation === 0 ? "0, never compacted" : `${whole(file.generation)}`],
            [
              "Whole history",
              file.history_floor <= 1
                ? "from the first commit on"
                : `from commit ${whole(file.history_floor)} on`,
            ],
            ["Encryption", file.encrypted ? "AES-256-GCM, every record" : "none"],
            ["Syncs", fsync(file.fsync)],
          ]}
        />
      </Panel>
      <Panel title="How it was opened">
        <Facts
          facts={[
            ["Before that", recovery.clean ? "it had been closed" : "it was left by a crash"],
            ["Commits read from the log", whole(recovery.commits)],
            ["Unfinished end", recovery.torn_bytes === 0 ? "none" : `${bytes(recovery.torn_bytes)}, cut off`],
            ...(recovery.torn_file === null ? [] : [["Saved as", recovery.torn_file] as const]),
          ]}
        />
      </Panel>
      <Panel title="Ferrum Studio">
        <Facts
          facts={[
            ["FerrumDB", who.version],
            [
              "Access",
              {
                write: "reads and writes",
                read_only: "reads only, as it was started",
                follower: "reads along while another process writes",
              }[who.access],
            ],
            ["Deletions can be undone for", `${whole(who.undo_seconds / 60)} minutes`],
            ["Largest request", bytes(who.limits.body_bytes)],
            ["Longest key", bytes(who.limits.key_bytes)],
            ["Keys in one selection", whole(who.limits.selection)],
          ]}
        />
      </Panel>
    </div>
  );
}

function fsync(policy: string | null): string {
  if (policy === null) return "as the owner says";
  if (policy === "always") return "before each answer";
  if (policy === "never") return "when the system likes";
  return `every ${policy.replace("periodic:", "")} ms`;
}
