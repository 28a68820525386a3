// Owns the charts of the overview: which there are, how far back they look, and that new figures come in.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { loadSeries, sample, session } from "../../app/live.ts";
import { Segments } from "../../ui/button.tsx";
import { bytes, nanos, percent, short } from "../../ui/format.ts";
import { Past } from "./history.ts";
import type { Line } from "./plot.tsx";

interface ChartSpec {
  title: string;
  lines: readonly Line[];
  format: (value: number) => string;
  /** The axis ends here, whatever the values. */
  max?: number;
  /** There is no half of one. */
  isCount?: boolean;
}

const CHARTS: readonly ChartSpec[] = [
  {
    title: "Operations a second",
    format: short,
    lines: [
      { column: "gets_per_second", name: "Reads", colour: "--blue" },
      { column: "writes_per_second", name: "Writes", colour: "--bronze" },
    ],
  },
  {
    title: "Time of a commit",
    format: nanos,
    lines: [
      { column: "commit_p50_ns", name: "p50", colour: "--blue" },
      { column: "commit_p99_ns", name: "p99", colour: "--straw" },
    ],
  },
  {
    title: "Time of a get",
    format: nanos,
    lines: [
      { column: "get_p50_ns", name: "p50", colour: "--blue" },
      { column: "get_p99_ns", name: "p99", colour: "--straw" },
    ],
  },
  {
    title: "Time of a sync",
    format: nanos,
    lines: [
      { column: "sync_p50_ns", name: "p50", colour: "--blue" },
      { column: "sync_p99_ns", name: "p99", colour: "--straw" },
    ],
  },
  {
    title: "Commits in a group",
    format: short,
    isCount: true,
    lines: [
      { column: "group_p50", name: "p50", colour: "--blue" },
      { column: "group_max", name: "Largest", colour: "--straw" },
    ],
  },
  {
    title: "Cache hits",
    format: (value) => percent(value, 1),
    max: 1,
    lines: [{ column: "cache_hit_ratio", name: "Hits", colour: "--purple" }],
  },
  {
    title: "Bytes of the log",
    format: bytes,
    lines: [
      { column: "live_bytes", name: "Live", colour: "--blue" },
      { column: "dead_bytes", name: "Dead", colour: "--bronze" },
    ],
  },
  {
    title: "Documents",
    format: short,
    isCount: true,
    lines: [{ column: "documents", name: "Documents", colour: "--blue" }],
  },
  {
    title: "Waiting for the writer",
    format: short,
    isCount: true,
    lines: [{ column: "inbox_commands", name: "Commands", colour: "--purple" }],
  },
];

const LAG: ChartSpec = {
  title: "Behind the owner",
  format: (value) => nanos(value * 1e6),
  lines: [{ column: "lag_ms", name: "Behind", colour: "--straw" }],
};

type Range = "2 min" | "10 min" | "4 h";
const RANGES: Record<Range, number> = { "2 min": 120_000, "10 min": 600_000, "4 h": 14_400_000 };
const SAMPLES_MAX = 1000;

/** What somebody has chosen; until then, what there is to be seen decides. */
const chosen = signal<Range | undefined>(undefined);

export function Charts() {
  const [past, setPast] = useState<readonly Past[]>([]);
  const [Plot, setPlot] = useState<typeof import("./plot.tsx").Plot | undefined>(undefined);
  const [tick, setTick] = useState(0);
  const now = sample.value;

  useEffect(() => {
    void loadSeries().then(
      (series) => setPast(series.map(Past.of)),
      () => setPast([]),
    );
    void import("./plot.tsx").then((module) => setPlot(() => module.Plot));
  }, []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each sample is taken once
  useEffect(() => {
    if (!now) return;
    const added = past.map((one) => one.add(now, SAMPLES_MAX));
    if (added.some(Boolean)) setTick((n) => n + 1);
  }, [now, past]);

  const known = (past[0]?.end ?? 0) - (past[0]?.begin ?? 0);
  const range = chosen.value ?? (known < RANGES["2 min"] ? "2 min" : "10 min");
  const length = RANGES[range];
  const source = past.find((one) => one.stepMs * SAMPLES_MAX >= length) ?? past.at(-1);
  const specs =
    session.value?.access === "follower"
      ? [LAG, ...CHARTS.filter(({ title }) => !OWNERS.has(title))]
      : CHARTS;
  return (
    <section class="stack" aria-label="Figures over time">
      <div class="row apart">
        <h2>Over time</h2>
        <Segments
          label="How far back"
          value={range}
          options={[
            ["2 min", "2 min"],
            ["10 min", "10 min"],
            ["4 h", "4 h"],
          ]}
          onChange={(next) => {
            chosen.value = next;
          }}
        />
      </div>
      <div class="charts">
        {specs.map((spec) => (
          <figure key={spec.title} class="panel chart">
            <figcaption>
              <h3>{spec.title}</h3>
            </figcaption>
            {Plot && source ? (
              <Plot {...spec} past={source} length={length} tick={tick} />
            ) : (
              <div class="chart-space" />
            )}
          </figure>
        ))}
      </div>
    </section>
  );
}

/** What only the owner of a file measures. */
const OWNERS = new Set([
  "Time of a commit",
  "Time of a sync",
  "Commits in a group",
  "Waiting for the writer",
]);
