/** Medians and their intervals. Nothing is drawn at random: the same samples give the same answer. */

export interface Interval {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** What a quantile of 0.975 of the standard normal distribution is. */
const Z_95 = 1.959964;

function sorted(samples: readonly number[]): number[] {
  return [...samples].sort((a, b) => a - b);
}

function at(samples: readonly number[], index: number): number {
  const sample = samples[Math.min(Math.max(index, 0), samples.length - 1)];
  if (sample === undefined) throw new RangeError('no samples');
  return sample;
}

/** As many digits as a sample is worth in a file. */
export function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

/** Of samples and what they are held against, of the same rounds in the same order. What has no counterpart is left out. */
export function ratios(samples: readonly number[], baseline: readonly number[]): number[] {
  return samples.flatMap((sample, i) => {
    const base = baseline[i];
    return base === undefined ? [] : [sample / base];
  });
}

export function median(samples: readonly number[]): number {
  const ordered = sorted(samples);
  const middle = (ordered.length - 1) / 2;
  return (at(ordered, Math.floor(middle)) + at(ordered, Math.ceil(middle))) / 2;
}

/**
 * The median with its 95 % interval by order statistics: of n independent samples, the number below the true median
 * is binomial (n, ½), so the samples at the ranks n/2 ∓ 0.98 √n hold it between them, whatever the distribution.
 * Conover, Practical Nonparametric Statistics, 3.2. Ranks are rounded outwards.
 */
export function medianInterval(samples: readonly number[]): Interval {
  const ordered = sorted(samples);
  const n = ordered.length;
  const reach = (Z_95 * Math.sqrt(n)) / 2;
  return {
    median: median(ordered),
    low: at(ordered, Math.floor(n / 2 - reach) - 1),
    high: at(ordered, Math.ceil(n / 2 + reach)),
  };
}
