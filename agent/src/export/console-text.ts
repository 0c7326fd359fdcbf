/** One slow span as lines for a reader. */
import type { AttributeDeclaration } from '../../../schemas/evidence/attributes.js';
import { callAttributes } from '../../../schemas/evidence/call-attributes.js';
import { awaitingClasses, threadClasses, unaccounted } from '../../../schemas/evidence/classes.js';
import { descriptorKinds, gaps } from '../../../schemas/evidence/lists.js';
import type { AnnotatedCall, AnnotatedSpan } from '../annotate/annotated.js';
import { unprovedLock } from '../annotate/cause.js';
import { splitTotals } from '../annotate/attributes.js';
import { count, duration, milliseconds, tenths } from '../annotate/quantity.js';
import type { Amount, SpanEvidence, WaitTotal } from '../spans/evidence.js';
import { syscallTable } from '../wire/syscall-table.js';
import { harmless, type Style } from './console-style.js';

/** Names of calls on the line of totals. */
const TOTALS_SHOWN = 3;
/** Single calls: the longest, of at least a hundredth of the wall time; the others are in the JSON and in a tracer. */
const CALLS_SHOWN = 8;
const CALL_SHOWN_SHARE = 0.01;

interface Label {
  readonly label: string;
  readonly parts: readonly (readonly [name: string, label: string])[];
}

function one({ name }: { readonly name: string }, label: string): Label {
  return { label, parts: [[name, label]] };
}

const of = threadClasses;
const LOCK = one(of.BLOCKED_LOCK, 'lock');
const UNPROVED_LOCK = one(of.BLOCKED_LOCK, 'lock or runtime');
const LABELS: readonly Label[] = [
  {
    label: 'on CPU',
    parts: [
      [of.ON_CPU_USER.name, 'user'],
      [of.ON_CPU_KERNEL.name, 'kernel'],
      [of.ON_CPU_ANY.name, 'undivided'],
    ],
  },
  {
    label: 'run queue',
    parts: [
      [of.RUNQUEUE_PREEMPTED.name, 'preempted'],
      [of.RUNQUEUE_WOKEN.name, 'woken'],
      [of.RUNQUEUE_YIELDED.name, 'yielded'],
    ],
  },
  LOCK,
  one(of.BLOCKED_RUNTIME, 'runtime'),
  one(of.BLOCKED_DISK, 'disk'),
  one(of.BLOCKED_NET, 'net'),
  one(of.BLOCKED_POLL, 'poll'),
  one(of.BLOCKED_IPC, 'ipc'),
  one(of.BLOCKED_SLEEP, 'sleep'),
  one(of.BLOCKED_CHILD, 'child process'),
  one(of.BLOCKED_PAGE_FAULT, 'page fault'),
  one(of.BLOCKED_MEMORY, 'memory'),
  one(of.BLOCKED_OTHER, 'other waits'),
  one(of.STOPPED, 'stopped'),
  {
    label: 'awaiting',
    parts: [
      [awaitingClasses.AWAITING_LOOP_BUSY.name, 'loop busy'],
      [awaitingClasses.AWAITING_IDLE.name, 'idle'],
      [awaitingClasses.AWAITING_OTHER.name, 'other'],
    ],
  },
];

/** What a tenth of a millisecond does not show is left out. */
function visible(ns: number): boolean {
  return ns >= 1e5;
}

function timeEntry(
  { label, parts }: Label,
  total: ReadonlyMap<string, number>,
): { ns: number; text: string } {
  const times = parts.map(([name, part]) => ({ ns: total.get(name) ?? 0, part }));
  const ns = times.reduce((sum, time) => sum + time.ns, 0);
  const shown = times.filter((time) => visible(time.ns)).map((time) => `${time.part} ${tenths(time.ns)}`);
  const inside = parts.length > 1 && shown.length > 0 ? ` (${shown.join(', ')})` : '';
  return { ns, text: `${label} ${tenths(ns)}${inside}` };
}

function timeLine({ account, source }: AnnotatedSpan): string {
  const entries = LABELS.map((label) => (label === LOCK && unprovedLock(source) ? UNPROVED_LOCK : label))
    .map((label) => timeEntry(label, account.total))
    .filter(({ ns }) => visible(ns))
    .sort((a, b) => b.ns - a.ns);
  const rest = visible(account.unaccountedNs) ? [`${unaccounted.name} ${tenths(account.unaccountedNs)}`] : [];
  return [...entries.map(({ text }) => text), ...rest].join(' · ');
}

function totalEntry({ number, count: calls, timeNs, maxNs }: WaitTotal): string {
  const max = calls > 1 ? ` (max ${duration(maxNs)})` : '';
  return `${syscallTable.nameOf(number)} ×${count(calls)} ${duration(timeNs)}${max}`;
}

function totalsLine(totals: readonly WaitTotal[], unnamed: Amount): string {
  const { told, rest } = splitTotals(totals, unnamed, TOTALS_SHOWN);
  const others = rest.count > 0 ? [`${count(rest.count)} others ${duration(rest.timeNs)}`] : [];
  return [...told.map(totalEntry), ...others].join(' · ');
}

const descriptorWords: ReadonlyMap<unknown, string> = new Map(
  Object.values(descriptorKinds).map(({ name, words }) => [name, words]),
);

function argumentWords({ attributes }: AnnotatedCall): string {
  const told = ({ name }: AttributeDeclaration): string | undefined => attributes[name]?.toString();
  const fd = told(callAttributes.descriptorNumber);
  const kind = descriptorWords.get(told(callAttributes.descriptorKind));
  const port = told(callAttributes.peerPort);
  const asked = told(callAttributes.asked);
  const words = [
    told(callAttributes.operation),
    told(callAttributes.flags),
    fd && `fd ${fd}`,
    kind,
    told(callAttributes.filePath),
    port && `peer ${told(callAttributes.peerAddress) ?? ''}:${port}`,
    asked && `${count(Number(asked))} bytes`,
  ];
  const result = told(callAttributes.errno) ?? told(callAttributes.result);
  return words.filter((word) => word !== undefined).join(', ') + (result === undefined ? '' : ` → ${result}`);
}

function length({ startUnixNs, endUnixNs }: AnnotatedCall): number {
  return Number(endUnixNs - startUnixNs);
}

function shownCalls({ calls, account }: AnnotatedSpan): AnnotatedCall[] {
  const longest = [...calls]
    .filter((call) => length(call) >= account.wallNs * CALL_SHOWN_SHARE)
    .sort((a, b) => length(b) - length(a))
    .slice(0, CALLS_SHOWN);
  return calls.filter((call) => longest.includes(call));
}

function callLines(span: AnnotatedSpan): string[] {
  const rows = shownCalls(span).map((call) => [
    `+${milliseconds(Number(call.startUnixNs - span.startUnixNs))}`,
    call.name,
    duration(length(call)),
    harmless(argumentWords(call)),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map(([at = '', name = '', time = '', words = '']) =>
    `   ${at.padEnd(widths[0] ?? 0)} ${name.padEnd(widths[1] ?? 0)} ${time.padStart(widths[2] ?? 0)}  ${words}`.trimEnd(),
  );
}

/** Where it is not the configured one. */
function captureWords({ capture, escalated }: SpanEvidence): string | undefined {
  if (capture === 'mixed')
    return 'changed while the span was open: some of it is told as calls, some as waits';
  return escalated ? 'all for a while, since the service was slow again and again' : undefined;
}

/** The lines of one span, an empty one after it. */
export function textOf(span: AnnotatedSpan, style: Style): string {
  const { source, cause, account } = span;
  const { evidence } = source;
  const { span: identity, gaps: missing } = evidence;
  const head = [
    style.strong(harmless(identity.name)),
    harmless(source.resource.serviceName),
    style.strong(milliseconds(account.wallNs)),
    style.faint(`trace ${identity.traceId}   span ${identity.spanId}`),
  ].join('   ');
  const line = (label: string, text: string): string => `  ${style.faint(label.padEnd(6))} ${text}`;
  const capture = captureWords(evidence);
  const verdict = `${style.alarming(cause.type.replaceAll('_', ' '))}: ${harmless(cause.text)}`;
  return [
    head,
    line('cause', verdict),
    line('time', timeLine(span)),
    ...(evidence.callCount > 0 ? [line('calls', totalsLine(evidence.totals, evidence.otherCalls))] : []),
    ...(evidence.waitCount > 0 ? [line('waits', totalsLine(evidence.waits, evidence.otherWaits))] : []),
    ...(capture === undefined ? [] : [line('capture', capture)]),
    ...(missing.length > 0 ? [line('gaps', missing.map((gap) => gaps[gap]).join(' · '))] : []),
    ...callLines(span),
    '',
    '',
  ].join('\n');
}
