/** The totals of a span: those of its parts, added up. */
import type { Total } from '../wire/layout.js';
import { nativeNumber } from '../wire/syscall-table-compat.js';
import type { CallTotal, WaitTotal } from './evidence.js';

/** SLT_ERROR_WAIT of schemas/wire/record.h. */
const ERROR_WAIT = 0xffff;

type Parts = readonly { readonly totals: readonly Total[] }[];

interface WaitSum {
  readonly number: number;
  count: number;
  timeNs: number;
  maxNs: number;
}

interface CallSum extends WaitSum {
  blockedNs: number;
  readonly errors: { readonly errno: number; count: number }[];
}

/**
 * The sum of this number. Numbers and errors of one span are few, and most sums are found at the first place: a list
 * costs less than a map to make, to look into, and to sort.
 */
function sumOf<T extends { readonly number: number }>(sums: readonly T[], number: number): T | undefined {
  for (const sum of sums) if (sum.number === number) return sum;
  return undefined;
}

function mostTimeFirst(a: WaitSum, b: WaitSum): number {
  return b.timeNs - a.timeNs || a.number - b.number;
}

/** Time asleep by number of the call, most first. */
export function addWaits(parts: Parts): WaitTotal[] {
  const sums: WaitSum[] = [];
  for (const { totals } of parts) {
    for (const total of totals) {
      if (total.error !== ERROR_WAIT) continue;
      const number = nativeNumber(total.number);
      let sum = sumOf(sums, number);
      if (sum === undefined) {
        sum = { number, count: 0, timeNs: 0, maxNs: 0 };
        sums.push(sum);
      }
      sum.count += total.count;
      sum.timeNs += total.timeNs;
      sum.maxNs = Math.max(sum.maxNs, total.maxNs);
    }
  }
  return sums.length > 1 ? sums.sort(mostTimeFirst) : sums;
}

function addError({ errors }: CallSum, errno: number, count: number): void {
  const known = errors.find((error) => error.errno === errno);
  if (known === undefined) errors.push({ errno, count });
  else known.count += count;
}

/** Recorded calls by number, most time first. */
export function addTotals(parts: Parts): CallTotal[] {
  const sums: CallSum[] = [];
  for (const { totals } of parts) {
    for (const total of totals) {
      if (total.error === ERROR_WAIT) continue;
      const number = nativeNumber(total.number);
      let sum = sumOf(sums, number);
      if (sum === undefined) {
        sum = { number, count: 0, timeNs: 0, maxNs: 0, blockedNs: 0, errors: [] };
        sums.push(sum);
      }
      sum.count += total.count;
      sum.timeNs += total.timeNs;
      sum.maxNs = Math.max(sum.maxNs, total.maxNs);
      sum.blockedNs += total.blockedNs;
      if (total.error !== 0) addError(sum, total.error, total.count);
    }
  }
  for (const { errors } of sums)
    if (errors.length > 1) errors.sort((a, b) => b.count - a.count || a.errno - b.errno);
  return sums.length > 1 ? sums.sort(mostTimeFirst) : sums;
}
