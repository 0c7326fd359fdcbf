import assert from 'node:assert/strict';
import { accountOf } from '../../agent/src/annotate/account.js';
import type { Cause } from '../../agent/src/annotate/annotated.js';
import { findCause } from '../../agent/src/annotate/cause.js';
import { CallFlag, FdKind } from '../../agent/src/wire/layout.js';
import type { ResolvedSpan } from '../../agent/src/resolve/resolved.js';
import {
  callTotal,
  keptCall,
  MS,
  resolvedSpan,
  spanEvidence,
  type EvidenceValues,
} from '../helpers/evidence.js';

function causeOf(values: EvidenceValues, resolved: Partial<ResolvedSpan> = {}): Cause {
  const evidence = spanEvidence(values);
  return findCause(resolvedSpan(evidence, resolved), accountOf(evidence));
}

describe('the cause of a slow span', () => {
  it('is the largest class, with the call and the descriptor that its time passed in', () => {
    const cause = causeOf({
      wallNs: 161 * MS,
      own: { 'blocked.disk': 156.25 * MS, 'on_cpu.kernel': 2 * MS },
      totals: [
        callTotal('write', { count: 40, timeNs: 1 * MS }),
        callTotal('fsync', { count: 40, timeNs: 157 * MS, blockedNs: 156.25 * MS }),
      ],
      calls: [
        keptCall('fsync', 1, { fdKind: FdKind.FILE, fd: 9, blockedUs: 6000 }),
        keptCall('fsync', 150, { blockedUs: 3900 }),
        keptCall('write', 160, {}),
      ],
    });
    assert.deepEqual(cause, {
      type: 'disk',
      sharePercent: 97,
      timeNs: 156.25 * MS,
      call: 'fsync',
      descriptor: 'file',
      text: '156.2 ms of 161.0 ms (97 %) waiting for a disk in fsync of a regular file',
    });
  });

  it('names the call of a wait as that of a sleep in a recorded call', () => {
    const cause = causeOf({
      own: { 'blocked.disk': 80 * MS, 'on_cpu.any': 10 * MS },
      capture: 'blocking',
      waits: [{ number: callTotal('fsync', {}).number, count: 40, timeNs: 80 * MS, maxNs: 6 * MS }],
      calls: [keptCall('fsync', 1, { fdKind: FdKind.FILE, fd: 9, blockedUs: 6000, flags: CallFlag.WAIT })],
    });
    assert.deepEqual([cause.type, cause.call, cause.descriptor], ['disk', 'fsync', 'file']);
  });

  it('says of time on the CPU that capture all would tell more, where only waits were captured', () => {
    const own = { 'on_cpu.any': 80 * MS };
    assert.match(causeOf({ own, capture: 'blocking' }).text, /on the CPU; capture `all` would tell/);
    assert.doesNotMatch(causeOf({ own: { 'on_cpu.user': 80 * MS } }).text, /would tell/);
  });

  const grouped: readonly [Record<string, number>, string][] = [
    [{ 'blocked.lock': 60 * MS }, 'lock'],
    [{ 'blocked.runtime': 60 * MS }, 'runtime'],
    [{ 'blocked.net': 60 * MS }, 'net'],
    [{ 'blocked.poll': 60 * MS }, 'poll'],
    [{ 'blocked.ipc': 60 * MS }, 'ipc'],
    [{ 'blocked.sleep': 60 * MS }, 'sleep'],
    [{ 'blocked.child': 60 * MS }, 'child_process'],
    [{ 'blocked.page_fault': 60 * MS }, 'page_fault'],
    [{ 'blocked.memory': 60 * MS }, 'memory'],
    [{ 'blocked.other': 60 * MS }, 'blocked'],
    [{ stopped: 60 * MS }, 'stopped'],
    [{ 'awaiting.loop_busy': 60 * MS }, 'loop_busy'],
    [{ 'awaiting.idle': 30 * MS, 'awaiting.other': 30 * MS, 'on_cpu.user': 40 * MS }, 'awaiting'],
    [{ 'on_cpu.user': 30 * MS, 'on_cpu.kernel': 30 * MS, 'blocked.net': 40 * MS }, 'on_cpu'],
    [
      {
        'runqueue.preempted': 20 * MS,
        'runqueue.woken': 20 * MS,
        'runqueue.yielded': 20 * MS,
        'on_cpu.user': 40 * MS,
      },
      'runqueue',
    ],
    [{ 'on_cpu.user': 10 * MS }, 'unaccounted'],
    [{}, 'unaccounted'],
  ];
  for (const [own, type] of grouped) {
    it(`is ${type} for ${Object.keys(own).join(' + ') || 'nothing at all'}`, () => {
      const cause = causeOf({ own });
      assert.equal(cause.type, type);
      assert.equal(cause.call, undefined);
    });
  }

  it('tells a program that yields of it, and no other', () => {
    const own = { 'runqueue.yielded': 60 * MS, 'runqueue.preempted': 1 * MS, 'on_cpu.any': 39 * MS };
    assert.equal(
      causeOf({ own, capture: 'blocking' }).text,
      '61.0 ms of 100.0 ms (61 %) ready to run, but waiting for a CPU (preempted 1.0 ms, woken 0.0 ms, yielded 60.0 ms)' +
        '; next 39.0 ms (39 %) on the CPU',
    );
    assert.doesNotMatch(causeOf({ own: { 'runqueue.woken': 60 * MS } }).text, /yielded/);
  });

  it('tells of the second where that holds a quarter of the wall time', () => {
    const own = { 'blocked.lock': 45 * MS, 'blocked.disk': 25 * MS, 'on_cpu.user': 24 * MS };
    assert.equal(
      causeOf({ own }).text,
      '45.0 ms of 100.0 ms (45 %) waiting for a lock; next 25.0 ms (25 %) waiting for a disk',
    );
    assert.doesNotMatch(causeOf({ own: { ...own, 'blocked.disk': 24.9 * MS } }).text, /next/);
    assert.match(
      causeOf({ own: { 'blocked.net': 60 * MS } }).text,
      /; next 40.0 ms \(40 %\) not accounted for$/,
    );
  });

  it('says what was in child spans of the first, and hints at the end', () => {
    assert.equal(
      causeOf({ own: { 'on_cpu.user': 40 * MS }, inChildren: { 'blocked.disk': 60 * MS } }).text,
      '60.0 ms of 100.0 ms (60 %) waiting for a disk; most of it in child spans; next 40.0 ms (40 %) on the CPU',
    );
    assert.equal(
      causeOf({ own: { 'on_cpu.any': 60 * MS, 'blocked.disk': 40 * MS }, capture: 'blocking' }).text,
      '60.0 ms of 100.0 ms (60 %) on the CPU; next 40.0 ms (40 %) waiting for a disk' +
        '; capture `all` would tell computing from system calls that do not sleep',
    );
  });

  it('does not tell a lock from the GIL in Python without proof', () => {
    const lock: EvidenceValues = { own: { 'blocked.lock': 90 * MS } };
    assert.equal(causeOf(lock, { runtime: 'python' }).type, 'lock_or_runtime');
    assert.equal(causeOf({ ...lock, runtimeKnown: true }, { runtime: 'python' }).type, 'lock');
    assert.equal(causeOf(lock).type, 'lock');
    const proved: EvidenceValues = { own: { 'blocked.runtime': 90 * MS } };
    assert.equal(causeOf(proved, { runtime: 'python' }).type, 'runtime');
  });

  /** As the demo's: a third each for pauses, an empty inbox, and small reads with work between them. */
  const manyCalls: EvidenceValues = {
    own: {
      'blocked.sleep': 34 * MS,
      'blocked.ipc': 33 * MS,
      'on_cpu.user': 20 * MS,
      'on_cpu.kernel': 13 * MS,
    },
    totals: [
      callTotal('pread64', { count: 5000, timeNs: 12 * MS }),
      callTotal('clock_nanosleep', { count: 40, timeNs: 34 * MS, blockedNs: 34 * MS }),
      callTotal('poll', { count: 40, timeNs: 33 * MS, blockedNs: 33 * MS }),
    ],
    calls: [keptCall('pread64', 3, { fdKind: FdKind.FILE }), keptCall('pread64', 90)],
  };

  it('is the number of calls where they are many and short and no class is above half', () => {
    const cause = causeOf(manyCalls);
    assert.equal(cause.type, 'syscalls');
    assert.equal(cause.call, 'pread64');
    assert.equal(cause.descriptor, 'file');
    assert.equal(
      cause.text,
      '79.0 ms of 100.0 ms (79 %) in system calls, 5,080 of them, most in pread64 of a regular file',
    );
  });

  it('is not the number of calls where one class is above half, the calls are few, long, or hold little time', () => {
    const half = { ...manyCalls, own: { 'blocked.sleep': 51 * MS, 'on_cpu.kernel': 49 * MS } };
    assert.equal(causeOf(half).type, 'sleep');
    assert.equal(causeOf({ ...manyCalls, callCount: 99 }).type, 'sleep');
    const oneLong = {
      own: { 'blocked.lock': 49 * MS, 'on_cpu.user': 25 * MS, 'on_cpu.kernel': 20 * MS },
      totals: [
        callTotal('futex', { timeNs: 49 * MS, maxNs: 49 * MS, blockedNs: 49 * MS }),
        callTotal('read', { count: 1000, timeNs: 20 * MS, maxNs: 50_000 }),
      ],
    };
    assert.equal(causeOf(oneLong).type, 'lock');
    const long = { ...manyCalls, totals: [callTotal('read', { count: 120, timeNs: 70 * MS })] };
    assert.equal(causeOf(long).type, 'sleep');
    const little = { ...manyCalls, totals: [callTotal('read', { count: 5000, timeNs: 6 * MS })] };
    assert.equal(causeOf(little).type, 'sleep');
  });

  it('never claims more time in calls than the account shows outside user mode', () => {
    const own = { 'on_cpu.user': 48 * MS, 'on_cpu.kernel': 30 * MS, 'awaiting.idle': 22 * MS };
    const cause = causeOf({ own, totals: [callTotal('read', { count: 9000, timeNs: 95 * MS })] });
    assert.equal(cause.type, 'syscalls');
    assert.equal(cause.timeNs, 30 * MS);
    assert.equal(cause.sharePercent, 30);
  });

  it('names the socket behind a poll of one descriptor, and calls a poll of none a sleep', () => {
    const totals = [callTotal('poll', { timeNs: 80 * MS, blockedNs: 80 * MS })];
    const peer = causeOf({
      own: { 'blocked.net': 80 * MS },
      totals,
      calls: [keptCall('poll', 1, { args: [1n, 1n, 5000n, 0n], fdKind: FdKind.TCP, blockedUs: 80_000 })],
    });
    assert.deepEqual([peer.type, peer.call, peer.descriptor], ['net', 'poll', 'tcp']);
    const pause = causeOf({
      own: { 'blocked.sleep': 80 * MS },
      totals,
      calls: [keptCall('poll', 1, { args: [0n, 0n, 80n, 0n], blockedUs: 80_000 })],
    });
    assert.deepEqual([pause.type, pause.call, pause.descriptor], ['sleep', 'poll', undefined]);
  });

  it('divides the calls of one number by what they waited for', () => {
    const cause = causeOf({
      own: { 'blocked.net': 60 * MS, 'blocked.ipc': 20 * MS },
      totals: [callTotal('read', { count: 2, timeNs: 80 * MS, blockedNs: 80 * MS })],
      calls: [
        keptCall('read', 1, { fdKind: FdKind.TCP, blockedUs: 60_000 }),
        keptCall('read', 61, { fdKind: FdKind.PIPE, blockedUs: 20_000 }),
      ],
    });
    assert.deepEqual([cause.type, cause.call, cause.descriptor], ['net', 'read', 'tcp']);
  });

  it('names no call where none holds more than half of the time', () => {
    const cause = causeOf({
      own: { 'blocked.disk': 90 * MS },
      totals: ['fsync', 'openat', 'unlink'].map((name) =>
        callTotal(name, { timeNs: 30 * MS, blockedNs: 30 * MS }),
      ),
      calls: ['fsync', 'openat', 'unlink'].map((name) => keptCall(name, 1, { blockedUs: 30_000 })),
    });
    assert.deepEqual([cause.type, cause.call], ['disk', undefined]);
  });

  it('says that most of the time was in child spans, and names none of its own calls for it', () => {
    const cause = causeOf({
      inChildren: { 'blocked.net': 80 * MS },
      totals: [callTotal('recvfrom', { timeNs: 1 * MS, blockedNs: 1 * MS })],
      calls: [keptCall('recvfrom', 1, { fdKind: FdKind.TCP, blockedUs: 1000 })],
    });
    assert.equal(cause.call, undefined);
    assert.equal(cause.text, '80.0 ms of 100.0 ms (80 %) waiting for the network; most of it in child spans');
  });

  it('says where the evidence is shared, incomplete, scaled, or of a span that did not end', () => {
    const own = { 'blocked.net': 80 * MS };
    assert.match(causeOf({ own, shared: true }).text, /for whichever span$/);
    assert.match(
      causeOf({ own, gaps: ['switch_missed', 'records_lost'] }).text,
      /incomplete: switch missed, records lost$/,
    );
    assert.match(causeOf({ own, state: 'process_died' }).text, /until its process ended$/);
    assert.match(causeOf({ own, state: 'abandoned' }).text, /still open$/);
    const scaled = causeOf({ own: { 'blocked.net': 160 * MS, 'on_cpu.user': 40 * MS } });
    assert.equal(scaled.sharePercent, 80);
    assert.match(scaled.text, /^80\.0 ms of 100\.0 ms \(80 %\).*scaled to the wall time$/);
  });

  it('does not blame the children for awaiting of its own beside threads that overlap', () => {
    const { type, text } = causeOf({
      own: { 'awaiting.idle': 60 * MS },
      inChildren: { 'on_cpu.user': 30 * MS, 'blocked.net': 30 * MS, 'awaiting.idle': 5 * MS },
    });
    assert.equal(type, 'awaiting');
    assert.doesNotMatch(text, /child spans/);
  });

  it('claims nothing of a span without length', () => {
    const cause = causeOf({ wallNs: 0 });
    assert.deepEqual([cause.type, cause.sharePercent, cause.timeNs], ['unaccounted', 0, 0]);
  });
});
