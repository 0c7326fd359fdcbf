/** Kept system calls as sub-spans of the span `kernel`. */
import { callAttributes as of } from '../../../schemas/evidence/call-attributes.js';
import { descriptorKinds } from '../../../schemas/evidence/lists.js';
import type { Attributes, ResolvedSpan } from '../resolve/resolved.js';
import type { KeptCall } from '../spans/evidence.js';
import { errnoName, errnoOf } from '../wire/errno-table.js';
import { CallFlag } from '../wire/layout.js';
import { syscallTable } from '../wire/syscall-table.js';
import { takesDescriptor } from '../wire/syscall-waits.js';
import { addressText } from './address.js';
import type { AnnotatedCall } from './annotated.js';
import { decodeArguments, futexWord, isWait, plainResult } from './arguments.js';
import { AttributeList } from './attribute-list.js';
import { descriptorKind, sawDescriptor } from './descriptors.js';

export interface CallSettings {
  readonly arguments: 'none' | 'kinds' | 'full';
  readonly slowest: number;
  readonly latest: number;
}

/** Unix time. */
export interface Interval {
  readonly startUnixNs: bigint;
  readonly endUnixNs: bigint;
}

function within({ startUnixNs, endUnixNs }: Interval, time: bigint): bigint {
  if (time < startUnixNs) return startUnixNs;
  return time > endUnixNs ? endUnixNs : time;
}

function inOrder(calls: readonly KeptCall[]): boolean {
  let before: KeptCall | undefined;
  for (const call of calls) {
    if (before !== undefined && call.startNs < before.startNs) return false;
    before = call;
  }
  return true;
}

/** Places in `calls` of the slowest and the latest, by start. The back end keeps more where several threads worked. */
function chosen(calls: readonly KeptCall[], { slowest, latest }: CallSettings): number[] {
  // Mostly there are no more than may leave, and evidence has them by start: all of them, as they are.
  if (calls.length <= Math.max(slowest, latest) && inOrder(calls)) return [...calls.keys()];
  const places = calls.map((call, place) => ({ call, place }));
  const byDuration = [...places].sort((a, b) => b.call.durationNs - a.call.durationNs);
  const byStart = [...places].sort((a, b) => Number(a.call.startNs - b.call.startNs));
  const kept = new Set([
    ...byDuration.slice(0, slowest),
    ...byStart.slice(Math.max(0, byStart.length - latest)),
  ]);
  return byStart.filter((item) => kept.has(item)).map(({ place }) => place);
}

function describeDescriptor(list: AttributeList, call: KeptCall): void {
  if (sawDescriptor(call)) {
    list.set(of.descriptorNumber, call.fd | 0).set(of.descriptorKind, descriptorKind(call.fdKind)?.name);
  } else if (takesDescriptor.has(call.number)) {
    list.set(of.descriptorNumber, Number(BigInt.asIntN(32, call.args[0] ?? 0n)));
  }
}

function describeSocket(list: AttributeList, call: KeptCall, full: boolean): void {
  const kind = descriptorKind(call.fdKind);
  if (kind !== descriptorKinds.TCP && kind !== descriptorKinds.UDP) return;
  // Ports are read together with the other detail; a call without it holds zeros.
  if ((call.flags & CallFlag.DETAIL) === 0) return;
  list.set(of.transport, kind.name).set(of.localPort, call.localPort);
  if (call.remotePort === 0) return;
  list.set(of.peerPort, call.remotePort);
  if (full) list.set(of.peerAddress, addressText(call.remoteAddress));
}

function describeArguments(
  list: AttributeList,
  call: KeptCall,
  full: boolean,
  filePath: string | undefined,
): void {
  const { operation, flags, askedBytes, doneBytes, timeoutUs } = decodeArguments(call);
  describeDescriptor(list, call);
  list
    .set(of.operation, operation)
    .set(of.flags, flags)
    .set(of.asked, askedBytes)
    .set(of.done, doneBytes)
    .set(of.timeout, timeoutUs);
  describeSocket(list, call, full);
  if (full) list.set(of.futexWord, futexWord(call)).set(of.filePath, filePath);
}

function attributesOf(
  call: KeptCall,
  detail: CallSettings['arguments'],
  threadName: string | undefined,
  filePath: string | undefined,
): Attributes {
  const wait = isWait(call);
  const errno = wait ? undefined : errnoOf(call.result);
  const list = new AttributeList()
    .set(of.number, call.number)
    .set(of.wait, wait ? true : undefined)
    .set(of.duration, Math.round(call.durationNs / 1000))
    .set(of.result, plainResult(call))
    .set(of.errno, errno === undefined ? undefined : errnoName(errno))
    .set(of.blocked, call.blockedUs)
    .set(of.runqueue, call.runqueueUs)
    .set(of.threadId, call.tid)
    .set(of.threadName, threadName);
  if (detail !== 'none') describeArguments(list, call, detail === 'full', filePath);
  return list.attributes;
}

/** The kept calls, by start, each inside the interval of its parent. */
export function annotateCalls(
  { evidence, calls, threadNames, startedUnixNs }: ResolvedSpan,
  parent: Interval,
  settings: CallSettings,
): AnnotatedCall[] {
  const offset = startedUnixNs - evidence.startedNs;
  const annotated: AnnotatedCall[] = [];
  for (const place of chosen(evidence.calls, settings)) {
    const call = evidence.calls[place];
    if (call === undefined) continue;
    const start = call.startNs + offset;
    annotated.push({
      name: syscallTable.nameOf(call.number),
      wait: isWait(call),
      startUnixNs: within(parent, start),
      endUnixNs: within(parent, start + BigInt(Math.round(call.durationNs))),
      attributes: attributesOf(call, settings.arguments, threadNames.get(call.tid), calls[place]?.filePath),
    });
  }
  return annotated;
}
