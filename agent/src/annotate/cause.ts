/** The verdict: one function from a span's account to why it was slow. It never claims more than the account shows. */
import { awaitingClasses, threadClasses, unaccounted } from '../../../schemas/evidence/classes.js';
import { causeTypes } from '../../../schemas/evidence/lists.js';
import type { ResolvedSpan } from '../resolve/resolved.js';
import type { SpanEvidence } from '../spans/evidence.js';
import { classPlaces } from './account.js';
import type { Account, Cause, CauseType } from './annotated.js';
import { culpritOf, frequentCall, type Culprit } from './culprit.js';
import { count, milliseconds } from './quantity.js';

interface Classes {
  readonly type: CauseType;
  readonly classes: readonly string[];
}

const ofCauses: readonly (readonly [CauseType, readonly { readonly name: string }[]])[] = [
  ['lock', [threadClasses.BLOCKED_LOCK]],
  ['runtime', [threadClasses.BLOCKED_RUNTIME]],
  ['disk', [threadClasses.BLOCKED_DISK]],
  ['net', [threadClasses.BLOCKED_NET]],
  ['poll', [threadClasses.BLOCKED_POLL]],
  ['ipc', [threadClasses.BLOCKED_IPC]],
  ['sleep', [threadClasses.BLOCKED_SLEEP]],
  ['child_process', [threadClasses.BLOCKED_CHILD]],
  ['page_fault', [threadClasses.BLOCKED_PAGE_FAULT]],
  ['memory', [threadClasses.BLOCKED_MEMORY]],
  ['blocked', [threadClasses.BLOCKED_OTHER]],
  ['stopped', [threadClasses.STOPPED]],
  [
    'runqueue',
    [threadClasses.RUNQUEUE_PREEMPTED, threadClasses.RUNQUEUE_WOKEN, threadClasses.RUNQUEUE_YIELDED],
  ],
  ['on_cpu', [threadClasses.ON_CPU_USER, threadClasses.ON_CPU_KERNEL, threadClasses.ON_CPU_ANY]],
  ['loop_busy', [awaitingClasses.AWAITING_LOOP_BUSY]],
  ['awaiting', [awaitingClasses.AWAITING_IDLE, awaitingClasses.AWAITING_OTHER]],
  ['unaccounted', [unaccounted]],
];

/** The classes whose time makes up a cause. In order of precedence where two are equal. */
const GROUPS: readonly Classes[] = ofCauses.map(([type, members]) => ({
  type,
  classes: members.map(({ name }) => name),
}));
const UNACCOUNTED: Classes = { type: 'unaccounted', classes: [unaccounted.name] };

/** What no system call can hold. */
const OUTSIDE_CALLS: ReadonlySet<string> = new Set(
  [threadClasses.ON_CPU_USER, threadClasses.BLOCKED_PAGE_FAULT, ...Object.values(awaitingClasses)].map(
    ({ name }) => name,
  ),
);

/** `syscalls`: at least so many recorded calls, shorter than this on average, that hold this share of the wall time. */
const MANY_CALLS = 100;
const SHORT_CALL_NS = 100_000;
const CALLS_SHARE = 0.25;

/** What takes this share of the wall time is told too where it is not the cause. */
const RUNNER_UP_SHARE = 0.25;

interface Group extends Classes {
  readonly timeNs: number;
}

function timeIn(times: ReadonlyMap<string, number>, classes: readonly string[]): number {
  let time = 0;
  for (const name of classes) time += times.get(name) ?? 0;
  return time;
}

/** Before anything is scaled. */
function measuredIn(times: readonly number[], classes: readonly string[]): number {
  let time = 0;
  for (const name of classes) time += times[classPlaces.get(name) ?? -1] ?? 0;
  return time;
}

/** Of all classes. */
function measured(times: readonly number[]): number {
  let time = 0;
  for (const place of classPlaces.values()) time += times[place] ?? 0;
  return time;
}

function withUnaccounted({ total, unaccountedNs }: Account): ReadonlyMap<string, number> {
  return new Map(total).set(unaccounted.name, unaccountedNs);
}

/** A futex wait in Python is mostly for the GIL: nothing less than the runtime's own words tells one from the other. */
export function unprovedLock({ runtime, evidence }: ResolvedSpan): boolean {
  return runtime === 'python' && !evidence.runtimeKnown;
}

/** What took any time, longest first. */
function groupsByTime(resolved: ResolvedSpan, times: ReadonlyMap<string, number>): readonly Group[] {
  return GROUPS.map(({ type, classes }) => ({
    type: type === 'lock' && unprovedLock(resolved) ? 'lock_or_runtime' : type,
    classes,
    timeNs: timeIn(times, classes),
  }))
    .filter(({ timeNs }) => timeNs > 0)
    .sort((a, b) => b.timeNs - a.timeNs);
}

/** The recorded calls as the cause, where they are many and short and nothing else stands out. */
function manyCalls(
  { callCount, totals, otherCalls }: SpanEvidence,
  account: Account,
  times: ReadonlyMap<string, number>,
): Group | undefined {
  if (callCount < MANY_CALLS) return undefined;
  const inCalls = totals.reduce((time, { timeNs }) => time + timeNs, otherCalls.timeNs);
  if (inCalls >= callCount * SHORT_CALL_NS) return undefined;
  if ([...times.values()].some((time) => time > account.wallNs / 2)) return undefined;
  // One that long is a cause of its own, however many short ones are beside it.
  if (totals.some(({ maxNs }) => maxNs >= account.wallNs * CALLS_SHARE)) return undefined;
  const classes = [...account.total.keys()].filter((name) => !OUTSIDE_CALLS.has(name));
  const timeNs = Math.min(inCalls, timeIn(account.total, classes));
  return timeNs < account.wallNs * CALLS_SHARE ? undefined : { type: 'syscalls', classes, timeNs };
}

function article(words: string): string {
  return /^[aeiou]/.test(words) ? `an ${words}` : `a ${words}`;
}

function callWords({ call, descriptor }: Culprit): string {
  return descriptor === undefined ? ` in ${call}` : ` in ${call} of ${article(descriptor.words)}`;
}

/** A program that yields is told so; most never do. */
function runqueueWords(times: ReadonlyMap<string, number>): string {
  const { RUNQUEUE_PREEMPTED, RUNQUEUE_WOKEN, RUNQUEUE_YIELDED } = threadClasses;
  const part = ({ name }: { readonly name: string }): string => milliseconds(times.get(name) ?? 0);
  const words = `preempted ${part(RUNQUEUE_PREEMPTED)}, woken ${part(RUNQUEUE_WOKEN)}`;
  return times.has(RUNQUEUE_YIELDED.name) ? `${words}, yielded ${part(RUNQUEUE_YIELDED)}` : words;
}

/** What the group's words do not say by themselves. */
function detail(
  group: Group,
  { callCount, capture }: SpanEvidence,
  account: Account,
  culprit: Culprit | undefined,
): string {
  const part = (name: string): string => milliseconds(account.total.get(name) ?? 0);
  switch (group.type) {
    case 'on_cpu':
      return capture === 'all'
        ? ` (user ${part(threadClasses.ON_CPU_USER.name)}, kernel ${part(threadClasses.ON_CPU_KERNEL.name)})`
        : '';
    case 'runqueue':
      return ` (${runqueueWords(account.total)})`;
    case 'syscalls':
      return `, ${count(callCount)} of them${culprit === undefined ? '' : `, most${callWords(culprit)}`}`;
    default:
      return culprit === undefined ? '' : callWords(culprit);
  }
}

function share(timeNs: number, wallNs: number): number {
  return wallNs > 0 ? Math.floor((100 * timeNs) / wallNs) : 0;
}

/** Who cures the first cause meets the second. */
function runnerUp(second: Group | undefined, { wallNs }: Account): string {
  if (second === undefined || second.timeNs < wallNs * RUNNER_UP_SHARE) return '';
  const { words } = causeTypes[second.type];
  return `; next ${milliseconds(second.timeNs)} (${share(second.timeNs, wallNs)} %) ${words}`;
}

function inChildSpans(group: Group, { accountNs: own, childAccountNs: inChildren }: SpanEvidence): string {
  const most =
    group.type !== 'syscalls' && measuredIn(inChildren, group.classes) > measuredIn(own, group.classes);
  return most ? '; most of it in child spans' : '';
}

/** Why the figures may be less than they seem, or could be more. */
function reservations(group: Group, evidence: SpanEvidence): string {
  const { accountNs: own, childAccountNs: inChildren, wallNs } = evidence;
  const words: string[] = [];
  // One percent: two clocks read one after the other are no overlap worth a word.
  if (measured(own) + measured(inChildren) > wallNs * 1.01) {
    words.push('several threads or children at once, scaled to the wall time');
  }
  if (group.type === 'on_cpu' && evidence.capture !== 'all') {
    words.push('capture `all` would tell computing from system calls that do not sleep');
  }
  if (evidence.shared) words.push('as its starting thread spent it, for whichever span');
  if (evidence.state === 'process_died') words.push('until its process ended');
  if (evidence.state === 'abandoned') words.push('until it was given up, still open');
  if (evidence.gaps.length > 0) words.push(`incomplete: ${evidence.gaps.join(', ').replaceAll('_', ' ')}`);
  return words.length === 0 ? '' : words.map((text) => `; ${text}`).join('');
}

/** Why the span was slow. Pure. */
export function findCause(resolved: ResolvedSpan, account: Account): Cause {
  const { evidence } = resolved;
  const times = withUnaccounted(account);
  const [largest = { ...UNACCOUNTED, timeNs: 0 }, second] = groupsByTime(resolved, times);
  const many = manyCalls(evidence, account, times);
  const group = many ?? largest;
  const culprit =
    group.type === 'syscalls'
      ? frequentCall(evidence)
      : culpritOf(
          evidence,
          group.classes,
          measuredIn(evidence.accountNs, group.classes) + measuredIn(evidence.childAccountNs, group.classes),
        );
  const sharePercent = share(group.timeNs, account.wallNs);
  const figures = `${milliseconds(group.timeNs)} of ${milliseconds(account.wallNs)} (${sharePercent} %)`;
  const words = causeTypes[group.type].words + detail(group, evidence, account, culprit);
  const what = words + inChildSpans(group, evidence);
  return {
    type: group.type,
    sharePercent,
    timeNs: group.timeNs,
    call: culprit?.call,
    descriptor: culprit?.descriptor?.name,
    // The calls of many hold parts of other classes: none of them comes next.
    text: `${figures} ${what}${many ? '' : runnerUp(second, account)}${reservations(group, evidence)}`,
  };
}
