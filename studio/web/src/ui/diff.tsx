// Owns showing what differs between two texts, line by line, with the lines that do not differ left out but for a few.

import { diffLines } from "diff";
import { useMemo } from "preact/hooks";
import "./diff.css";
import { tryParseJson } from "../json/parse.ts";
import { printJson } from "../json/print.ts";

const AROUND = 3;

export interface DiffLine {
  readonly kind: "same" | "added" | "removed" | "left out";
  readonly text: string;
}

/** The lines of two JSON texts, indented, with what was added and removed. */
export function diffOf(before: string, after: string): DiffLine[] {
  const lines: DiffLine[] = [];
  // A text that would take too long to compare is shown as taken out and put in.
  const parts = diffLines(indented(before), indented(after), { maxEditLength: 4000, timeout: 500 }) ?? [
    { removed: true, added: false, value: indented(before) },
    { removed: false, added: true, value: indented(after) },
  ];
  for (const part of parts) {
    const kind = part.added ? "added" : part.removed ? "removed" : "same";
    for (const text of part.value.replace(/\n$/, "").split("\n")) lines.push({ kind, text });
  }
  return shortened(lines);
}

export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  const lines = useMemo(() => diffOf(before, after), [before, after]);
  const count = (kind: DiffLine["kind"]) => lines.filter((line) => line.kind === kind).length;
  if (count("added") + count("removed") === 0) return <p class="soft">Nothing differs.</p>;
  return (
    <div
      class="diff mono"
      role="group"
      aria-label={`${label}: ${count("added")} lines added, ${count("removed")} removed`}
      tabIndex={0}
    >
      {lines.map((line, index) => (
        <div key={index} class={`line ${line.kind.replace(" ", "-")}`}>
          <span class="sign" aria-hidden="true">
            {{ same: " ", added: "+", removed: "−", "left out": "⋯" }[line.kind]}
          </span>
          <span class="hidden-text">
            {{ same: "", added: "added: ", removed: "removed: ", "left out": "" }[line.kind]}
          </span>
          {line.text}
        </div>
      ))}
    </div>
  );
}

function indented(text: string): string {
  const json = tryParseJson(text);
  return `${json ? printJson(json) : text}\n`;
}

function shortened(lines: readonly DiffLine[]): DiffLine[] {
  const near = lines.map(() => false);
  lines.forEach((line, index) => {
    if (line.kind === "same") return;
    for (let at = Math.max(0, index - AROUND); at <= Math.min(lines.length - 1, index + AROUND); at++)
      near[at] = true;
  });
  const short: DiffLine[] = [];
  let skipped = 0;
  const tell = () => {
    if (skipped > 0)
      short.push({ kind: "left out", text: `${skipped} ${skipped === 1 ? "line" : "lines"} alike` });
    skipped = 0;
  };
  lines.forEach((line, index) => {
    if (near[index]) {
      tell();
      short.push(line);
    } else skipped += 1;
  });
  tell();
  return short;
}
