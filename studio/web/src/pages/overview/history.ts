// Owns the figures as they have been: the server's history by columns, and the samples that have come since.

import type { Sample, Series } from "../../api/schemas.ts";

export type Column = keyof Sample;

type Values = (number | null)[];

/** Columns of samples, of one step, that new samples are added to. */
export class Past {
  private constructor(
    readonly stepMs: number,
    /** Just after a start there is no history yet, and no column. */
    readonly columns: Record<string, Values>,
  ) {}

  static of(series: Series): Past {
    const columns = Object.entries(series.columns).map(([name, values]) => [name, [...values]]);
    return new Past(series.step_ms, Object.fromEntries(columns));
  }

  /** When the last sample was taken. */
  get end(): number | undefined {
    return this.columns.time?.at(-1) ?? undefined;
  }

  /** When the first sample was taken that is known. */
  get begin(): number | undefined {
    return this.columns.time?.[0] ?? undefined;
  }

  /** Adds a sample, unless the step has not passed since the last one. */
  add(sample: Sample, samplesMax: number): boolean {
    if (sample.time < (this.end ?? 0) + this.stepMs * 0.5) return false;
    for (const [name, value] of Object.entries(sample)) {
      this.columns[name] ??= [];
      const values = this.columns[name];
      values.push(value);
      if (values.length > samplesMax) values.shift();
    }
    return true;
  }

  /** The times in seconds, and a column for each name, from a time on. */
  since(begin: number, names: readonly Column[]): Values[] {
    const times = this.columns.time ?? [];
    const from = times.findIndex((time) => (time ?? 0) >= begin);
    if (from < 0) return [[], ...names.map(() => [])];
    return [
      times.slice(from).map((time) => (time ?? 0) / 1000),
      ...names.map((name) => this.columns[name]?.slice(from) ?? []),
    ];
  }
}
