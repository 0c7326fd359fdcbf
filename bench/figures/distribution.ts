/** The latencies of all rounds together: percentiles that one round has too few requests for. */

export type Counted = readonly [microseconds: number, count: number];

/** Shares of the requests for the curve: even steps on a scale of nines, from 10 % to 99.99 %. */
const STEPS = 80;
const FIRST_NINES = -Math.log10(1 - 0.1);
const LAST_NINES = 4;

export class Distribution {
  readonly #ordered: readonly Counted[];
  readonly #total: number;

  constructor(counted: readonly Counted[]) {
    this.#ordered = [...counted].sort(([a], [b]) => a - b);
    this.#total = counted.reduce((sum, [, count]) => sum + count, 0);
  }

  /** Milliseconds that this share of the requests (0 to 1) took at most. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let below = 0;
    for (const [microseconds, count] of this.#ordered) {
      below += count;
      if (below >= rank) return microseconds / 1e3;
    }
    throw new RangeError('no requests');
  }

  /** Enough points of it for a plot, and p50, p90, p99, p99.9 and p99.99 exactly. */
  curve(): { share: number; ms: number }[] {
    const even = Array.from({ length: STEPS + 1 }, (_, i) => {
      const nines = FIRST_NINES + ((LAST_NINES - FIRST_NINES) * i) / STEPS;
      return Number((1 - 10 ** -nines).toFixed(7));
    });
    const shares = [...new Set([...even, 0.5, 0.9, 0.99, 0.999, 0.9999])].sort((a, b) => a - b);
    return shares.map((share) => ({ share, ms: this.quantile(share) }));
  }
}
