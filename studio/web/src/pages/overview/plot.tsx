// Owns the drawing of one chart: uPlot in the page's colours, and its figures in words. Loaded after the first drawing.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../../app/theme.ts";
import type { Column, Past } from "./history.ts";

export interface Line {
  column: Column;
  name: string;
  /** The custom property that holds its colour. */
  colour: string;
}

interface PlotProps {
  title: string;
  lines: readonly Line[];
  format: (value: number) => string;
  max?: number;
  /** There are no values between whole numbers, so the axis names none. */
  isCount?: boolean;
  past: Past;
  /** How far back it looks, in milliseconds. */
  length: number;
  /** Grows with each new sample. */
  tick: number;
}

export function Plot(props: PlotProps) {
  const { title, lines, format, past, length, tick } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [at, setAt] = useState<number | null>(null);
  const [scheme, setScheme] = useState(0);
  const end = past.end ?? Date.now();
  const data = past.since(
    end - length,
    lines.map(({ column }) => column),
  );
  const chosen = theme.value;

  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const turned = () => setScheme((n) => n + 1);
    query.addEventListener("change", turned);
    return () => query.removeEventListener("change", turned);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn anew for other colours or another step, not for new samples
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const chart = new uPlot(options(element, props, setAt), data as uPlot.AlignedData, element);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize(sizeOf(element)));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [past, chosen, scheme]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the data is new with each of these
  useEffect(() => {
    plot.current?.setData(data as uPlot.AlignedData, false);
    plot.current?.setScale("x", { min: (end - length) / 1000, max: end / 1000 });
  }, [tick, length, past, chosen, scheme]);

  const index = at ?? (data[0]?.length ?? 0) - 1;
  const values = lines.map((line, place) => ({ ...line, value: data[place + 1]?.[index] }));
  const told = values
    .map(({ name, value }) => `${name} ${value == null ? "none" : format(value)}`)
    .join(", ");
  return (
    <>
      <p class="legend small number">
        {values.map(({ name, colour, value }) => (
          <span key={name} class="row">
            <span class="swatch" aria-hidden="true" style={{ background: `var(${colour})` }} />
            <span class="soft">{name}</span>
            <strong>{value == null ? "–" : format(value)}</strong>
          </span>
        ))}
      </p>
      <div
        ref={host}
        class={data.slice(1).some(hasSome) ? "chart-space" : "chart-space nothing"}
        role="img"
        aria-label={`${title}: ${told}`}
      />
    </>
  );
}

function options(
  element: HTMLElement,
  { lines, format, max, isCount }: PlotProps,
  setAt: (index: number | null) => void,
): uPlot.Options {
  const colour = (name: string) => resolved(element, name);
  const text = textPixels(element);
  const axis = {
    stroke: colour("--ink-faint"),
    font: `${0.75 * text}px ${getComputedStyle(element).fontFamily}`,
    ticks: { show: false },
  };
  return {
    ...sizeOf(element),
    padding: [0.8 * text, 1.2 * text, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: "ferrum" }, y: false, drag: { x: false, y: false }, points: { size: 0.4 * text } },
    scales: { y: { range: (_, low, high) => [0, max ?? Math.max(1, high * 1.15, low)] } },
    axes: [
      {
        ...axis,
        size: 1.7 * text,
        gap: 0.5 * text,
        space: 4.7 * text,
        grid: { show: false },
        values: (_, at) => at.map(clock),
      },
      {
        ...axis,
        size: 3.7 * text,
        space: 2 * text,
        grid: { stroke: colour("--line"), width: 1 },
        values: (chart, splits) => splits.map((value) => tick(chart, value, format)),
        ...(isCount && { incrs: COUNTS }),
      },
    ],
    series: [
      {},
      ...lines.map(({ colour: name }, index) => ({
        stroke: colour(name),
        width: text / 10,
        points: { show: false, size: 0.3 * text, fill: colour(name), filter: lonely },
        spanGaps: false,
        ...(index === 0 && {
          fill: colour(name)
            .replace(/^rgb\((.*)\)$/, "rgb($1 / 10%)")
            .replaceAll(",", " "),
        }),
      })),
    ],
    hooks: { setCursor: [(chart) => setAt(chart.cursor.idx ?? null)] },
  };
}

const COUNTS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** What is drawn is as large as the text around it. */
function textPixels(element: HTMLElement): number {
  return Number.parseFloat(getComputedStyle(element).fontSize);
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: element.clientWidth, height: element.clientHeight };
}

function hasSome(values: (number | null)[]): boolean {
  return values.some((value) => value != null);
}

const HOURS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

function clock(seconds: number): string {
  return seconds % 60 === 0 ? HOURS.format(seconds * 1000) : SECONDS.format(seconds * 1000);
}

/** What an axis says; nothing while there is no value, of which its range would tell. */
function tick(chart: uPlot, value: number, format: (value: number) => string): string {
  if (!chart.data.slice(1).some((values) => hasSome((values ?? []) as (number | null)[]))) return "";
  return value === 0 ? "0" : format(value).replace(/\.0(?= )/, "");
}

/** A value with none on either side makes no line, so it is drawn as a point. */
function lonely(chart: uPlot, series: number): number[] {
  const values = chart.data[series] ?? [];
  const found: number[] = [];
  values.forEach((value, index) => {
    if (value != null && values[index - 1] == null && values[index + 1] == null) found.push(index);
  });
  return found;
}

/** A canvas knows no custom properties, and those of the page depend on its scheme. */
function resolved(element: HTMLElement, name: string): string {
  const before = element.style.color;
  element.style.color = `var(${name})`;
  const colour = getComputedStyle(element).color;
  element.style.color = before;
  return colour;
}
