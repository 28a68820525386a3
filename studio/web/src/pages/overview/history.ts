// Owns the figures as they have been: the server's history by columns, and the samples that have come since.

import type { Sample, Series } from "../../api/schemas.ts";

export type Column = keyof Sample;

/** Columns of samples, of one step, that new samples are added to. */
export class Past {
  constructor(
    readonly stepMs: number,
    readonly columns: Record<Column, (number | null)[]>,
  ) {}

  static of(series: Series): Past {
    const columns = Object.fromEntries(
      Object.entries(series.columns).map(([name, values]) => [name, [...values]]),
    );
    return new Past(series.step_ms, columns as Record<Column, (number | null)[]>);
  }

  /** Adds a sample, unless the step has not passed since the last one. */
  add(sample: Sample, samplesMax: number): boolean {
    const last = this.columns.time.at(-1) ?? 0;
    if (sample.time < last + this.stepMs * 0.5) return false;
    for (const [name, values] of Object.entries(this.columns)) {
      values.push(sample[name as Column]);
      if (values.length > samplesMax) values.shift();
    }
    return true;
  }

  /** The times in seconds, and a column for each name, from a time on. */
  since(begin: number, names: readonly Column[]): (number | null)[][] {
    const from = this.columns.time.findIndex((time) => (time ?? 0) >= begin);
    if (from < 0) return [[], ...names.map(() => [])];
    const times = this.columns.time.slice(from).map((time) => (time ?? 0) / 1000);
    return [times, ...names.map((name) => this.columns[name].slice(from))];
  }
}
