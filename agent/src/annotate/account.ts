/**
 * The account of a span's wall time. Its parts overlap where several threads, or
 * children, worked at once; then they are scaled to fit into the wall time, and what was
 * measured is kept beside it. The span's own awaiting is never scaled: it is
 * exactly the time in which nobody worked (wall − activeNs).
 */
import { awaitingClasses, threadClasses, unaccounted } from '../../../schemas/evidence/classes.js';
import type { SpanEvidence } from '../spans/evidence.js';
import { Class } from '../wire/layout.js';
import type { Account } from './annotated.js';

type ClassKey = keyof typeof threadClasses | keyof typeof awaitingClasses;

const declarations = { ...threadClasses, ...awaitingClasses };

function placesOf(keys: readonly string[]): readonly (readonly [place: number, name: string])[] {
  return (Object.keys(declarations) as ClassKey[])
    .filter((key) => keys.includes(key))
    .map((key) => [Class[key], declarations[key].name] as const)
    .sort(([a], [b]) => a - b);
}

const ALL = placesOf(Object.keys(declarations));
const OF_THREADS = placesOf(Object.keys(threadClasses));

/** Where a class lies in the accounts of evidence, by its name. */
export const classPlaces: ReadonlyMap<string, number> = new Map(ALL.map(([place, name]) => [name, place]));

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function named(times: readonly number[], places = ALL): Map<string, number> {
  const found = new Map<string, number>();
  for (const [place, name] of places) {
    const time = times[place] ?? 0;
    if (time > 0) found.set(name, time);
  }
  return found;
}

/** Scales what overlaps so that it fills what `fixed` leaves of the wall time. */
function fitted(times: readonly number[], fixed: readonly number[], wallNs: number): number[] {
  const fixedSum = sum(fixed);
  const fixedScale = fixedSum > wallNs ? wallNs / fixedSum : 1;
  const room = wallNs - fixedSum * fixedScale;
  const scale = room / (sum(times) - fixedSum);
  return times.map((time, place) => {
    const kept = fixed[place] ?? 0;
    return kept * fixedScale + (time > kept ? (time - kept) * scale : 0);
  });
}

/** The account of a span's evidence. Pure. */
export function accountOf(evidence: SpanEvidence): Account {
  const { wallNs, accountNs: own, childAccountNs: children } = evidence;
  const measured = ALL.map(([place]) => (own[place] ?? 0) + (children[place] ?? 0));
  const awaiting = ALL.map(([place]) => (place < Class.THREAD_CLASSES ? 0 : (own[place] ?? 0)));
  const measuredSum = sum(measured);
  const overlaps = measuredSum > wallNs;
  const total = overlaps ? fitted(measured, awaiting, wallNs) : measured;
  return {
    wallNs,
    self: named(sum(own) > wallNs ? fitted(own, awaiting, wallNs) : own),
    total: named(total),
    threads: overlaps ? named(measured, OF_THREADS) : undefined,
    unaccountedNs: overlaps ? 0 : wallNs - measuredSum,
  };
}

/** The account as it leaves: whole microseconds. `total` holds `unaccounted` too. Classes that round to nothing are absent. */
export interface RoundedAccount {
  readonly wallUs: number;
  readonly self: ReadonlyMap<string, number>;
  readonly total: ReadonlyMap<string, number>;
  /** Only what differs from total. */
  readonly threads: ReadonlyMap<string, number>;
}

function microseconds(ns: number): number {
  return Math.round(ns / 1000);
}

interface Share {
  readonly name: string;
  us: number;
  readonly rest: number;
}

/** Largest remainder: whole microseconds that add up to `sumUs`, each less than 1 off. */
function apportion(shares: readonly Share[], sumUs: number): void {
  let floored = 0;
  for (const { us } of shares) floored += us;
  let left = sumUs - floored;
  if (left <= 0) return;
  for (const share of [...shares].sort((a, b) => b.rest - a.rest)) {
    if (left-- <= 0) break;
    share.us++;
  }
}

/** Of the wall time, to the microsecond: the classes and what is unaccounted. */
function roundedTotal({ total, unaccountedNs }: Account, wallUs: number): Map<string, number> {
  const shares: Share[] = [];
  const add = (ns: number, name: string): void => {
    shares.push({ name, us: Math.floor(ns / 1000), rest: (ns / 1000) % 1 });
  };
  total.forEach(add);
  add(unaccountedNs, unaccounted.name);
  apportion(shares, wallUs);
  const found = new Map<string, number>();
  for (const { name, us } of shares) if (us > 0) found.set(name, us);
  return found;
}

/**
 * The total adds up to the wall time exactly. A class whose own time is all of its total
 * has the same number in both; the others are rounded by themselves.
 */
export function rounded(account: Account): RoundedAccount {
  const wallUs = microseconds(account.wallNs);
  const total = roundedTotal(account, wallUs);
  const self = new Map<string, number>();
  for (const [name, ns] of account.self) {
    const totalNs = account.total.get(name) ?? 0;
    const totalUs = total.get(name) ?? 0;
    const us = ns === totalNs ? totalUs : microseconds(ns);
    const fittingUs = ns < totalNs ? Math.min(us, totalUs) : us;
    if (fittingUs > 0) self.set(name, fittingUs);
  }
  const unaccountedUs = total.get(unaccounted.name);
  if (unaccountedUs !== undefined) self.set(unaccounted.name, unaccountedUs);
  const threads = new Map<string, number>();
  for (const [name, ns] of account.threads ?? []) {
    const us = microseconds(ns);
    if (us > 0 && us !== (total.get(name) ?? 0)) threads.set(name, us);
  }
  return { wallUs, self, total, threads };
}
