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

  /** The times in seconds, and a column for each name, from a time on. Where no samples were taken, there are no values. */
  since(begin: number, names: readonly Column[]): Values[] {
    const told: Values[] = [[], ...names.map(() => [])];
    let before: number | undefined;
    this.columns.time?.forEach((time, index) => {
      if (time === null || time < begin) return;
      if (before !== undefined && time > before + GAP_STEPS * this.stepMs) {
        const gap = (before + this.stepMs) / 1000;
        for (const [place, column] of told.entries()) column.push(place === 0 ? gap : null);
      }
      before = time;
      told[0]?.push(time / 1000);
      for (const [place, name] of names.entries()) told[place + 1]?.push(this.columns[name]?.[index] ?? null);
    });
    return told;
  }
}

/** When so many samples in a row are missing, nothing is said of the time. */
const GAP_STEPS = 5;
