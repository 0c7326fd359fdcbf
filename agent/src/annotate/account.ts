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

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function named(times: readonly number[], places = ALL): ReadonlyMap<string, number> {
  return new Map(
    places.map(([place, name]) => [name, times[place] ?? 0] as const).filter(([, time]) => time > 0),
  );
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
  const overlaps = sum(measured) > wallNs;
  const total = overlaps ? fitted(measured, awaiting, wallNs) : measured;
  return {
    wallNs,
    self: named(sum(own) > wallNs ? fitted(own, awaiting, wallNs) : own),
    total: named(total),
    threads: overlaps ? named(measured, OF_THREADS) : undefined,
    unaccountedNs: overlaps ? 0 : wallNs - sum(measured),
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

function withoutZeros(times: Iterable<readonly [string, number]>): ReadonlyMap<string, number> {
  return new Map([...times].filter(([, time]) => time > 0));
}

/** Largest remainder: whole microseconds that add up to `sumUs`, each less than 1 off. */
function apportioned(times: ReadonlyMap<string, number>, sumUs: number): ReadonlyMap<string, number> {
  const shares = [...times].map(([name, ns]) => ({ name, us: Math.floor(ns / 1000), rest: (ns / 1000) % 1 }));
  let left = sumUs - sum(shares.map(({ us }) => us));
  const up = new Set<string>();
  for (const { name } of [...shares].sort((a, b) => b.rest - a.rest)) {
    if (left-- <= 0) break;
    up.add(name);
  }
  return new Map(shares.map(({ name, us }) => [name, up.has(name) ? us + 1 : us]));
}

/**
 * The total adds up to the wall time exactly. A class whose own time is all of its total
 * has the same number in both; the others are rounded by themselves.
 */
export function rounded(account: Account): RoundedAccount {
  const wallUs = microseconds(account.wallNs);
  const total = apportioned(new Map([...account.total, [unaccounted.name, account.unaccountedNs]]), wallUs);
  const self = [...account.self].map(([name, ns]): [string, number] => {
    const totalNs = account.total.get(name) ?? 0;
    const totalUs = total.get(name) ?? 0;
    if (ns === totalNs) return [name, totalUs];
    return [name, ns < totalNs ? Math.min(microseconds(ns), totalUs) : microseconds(ns)];
  });
  const threads = [...(account.threads ?? [])]
    .map(([name, ns]): [string, number] => [name, microseconds(ns)])
    .filter(([name, us]) => us !== (total.get(name) ?? 0));
  return {
    wallUs,
    self: withoutZeros([...self, [unaccounted.name, total.get(unaccounted.name) ?? 0]]),
    total: withoutZeros(total),
    threads: withoutZeros(threads),
  };
}
