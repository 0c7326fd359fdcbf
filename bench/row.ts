/** One published figure. */
import { median, medianInterval, ratios } from './statistics.js';

export interface Row {
  readonly bench: string;
  readonly case: string;
  readonly value: number;
  readonly unit: string;
  /** What `value` is held against, in the same unit, measured in the same rounds. */
  readonly baseline: number | null;
  /** The median of the rounds' ratios, with its 95 % interval. */
  readonly ratio: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly n: number;
  readonly budget: number | null;
  /** False: the budget is missed beyond what noise explains, that is, the whole interval lies above it. */
  readonly ok: boolean;
}

export interface RatioRow {
  readonly bench: string;
  readonly case: string;
  readonly unit: string;
  readonly budget?: number;
}

/** samples and baseline: of the same rounds, in the same order. */
export function ratioRow(row: RatioRow, samples: readonly number[], baseline: readonly number[]): Row {
  const each = ratios(samples, baseline);
  const interval = medianInterval(each);
  const budget = row.budget ?? null;
  return {
    bench: row.bench,
    case: row.case,
    value: median(samples),
    unit: row.unit,
    baseline: median(baseline),
    ratio: interval.median,
    low: interval.low,
    high: interval.high,
    n: each.length,
    budget,
    ok: budget === null || interval.low <= budget,
  };
}

/** A figure that nothing is held against. */
export function plainRow(row: Omit<RatioRow, 'budget'>, samples: readonly number[]): Row {
  return {
    ...row,
    value: median(samples),
    baseline: null,
    ratio: null,
    low: null,
    high: null,
    n: samples.length,
    budget: null,
    ok: true,
  };
}
