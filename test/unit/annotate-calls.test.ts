import assert from 'node:assert/strict';
import { addressText } from '../../agent/src/annotate/address.js';
import { annotate, type AnnotateSettings } from '../../agent/src/annotate/annotate.js';
import type { AnnotatedCall, AnnotatedSpan } from '../../agent/src/annotate/annotated.js';
import type { AttributeValue } from '../../agent/src/resolve/resolved.js';
import type { KeptCall } from '../../agent/src/spans/evidence.js';
import { FdKind } from '../../agent/src/wire/layout.js';
import {
  keptCall,
  MS,
  resolvedSpan,
  spanEvidence,
  STARTED_UNIX_NS,
  type EvidenceValues,
} from '../helpers/evidence.js';

const kinds: AnnotateSettings = { arguments: 'kinds', slowest: 16, latest: 16 };

function annotated(values: EvidenceValues, settings: Partial<AnnotateSettings> = {}): AnnotatedSpan {
  return annotate(resolvedSpan(spanEvidence(values)), { ...kinds, ...settings });
}

/** The one call, with a file name found for it. */
function annotatedCall(call: KeptCall, detail: AnnotateSettings['arguments'] = 'kinds'): AnnotatedCall {
  const resolved = resolvedSpan(spanEvidence({ calls: [call] }), { calls: [{ filePath: '/srv/journal' }] });
  const [only] = annotate(resolved, { ...kinds, arguments: detail }).calls;
  assert.ok(only);
  return only;
}

describe('a kept system call', () => {
  it('is moved to Unix time and clipped into its parent', () => {
    const { calls, startUnixNs, endUnixNs } = annotated({
      calls: [
        keptCall('read', -1, { durationNs: 3 * MS }),
        keptCall('read', 50, { durationNs: 3 * MS }),
        keptCall('read', 99, { durationNs: 3 * MS }),
        keptCall('read', 200),
      ],
    });
    const at = (ms: number): bigint => STARTED_UNIX_NS + BigInt(ms * MS);
    assert.deepEqual(
      calls.map((call) => [call.startUnixNs, call.endUnixNs]),
      [
        [startUnixNs, at(2)],
        [at(50), at(53)],
        [at(99), endUnixNs],
        [endUnixNs, endUnixNs],
      ],
    );
    assert.equal(calls[0]?.attributes['slt.syscall.duration_us'], 3000);
  });

  it('is kept when it is among the slowest or the latest, once, by start', () => {
    const calls = [5, 1, 9, 2, 3].map((ms, index) => keptCall('read', index, { durationNs: ms * MS }));
    const kept = annotated({ calls }, { slowest: 2, latest: 2 }).calls;
    assert.deepEqual(
      kept.map(({ attributes }) => attributes['slt.syscall.duration_us']),
      [5000, 9000, 2000, 3000],
    );
    assert.deepEqual(annotated({ calls }, { slowest: 1, latest: 0 }).calls.length, 1);
  });

  it('shows what it was asked and what came of it', () => {
    const read = annotatedCall(
      keptCall('read', 1, { args: [9n, 0x7f00n, 4096n, 0n], result: 100n, fdKind: FdKind.FILE, fd: 9 }),
    );
    assert.equal(read.name, 'read');
    assert.deepEqual(read.attributes, {
      'slt.syscall.number': 0,
      'slt.syscall.duration_us': 1000,
      'slt.syscall.result': 100,
      'slt.syscall.blocked_us': 0,
      'slt.syscall.runqueue_us': 0,
      'slt.syscall.descriptor.number': 9,
      'slt.syscall.descriptor.kind': 'file',
      'slt.syscall.asked_bytes': 4096,
      'slt.syscall.done_bytes': 100,
      'thread.id': 100,
      'thread.name': 'MainThread',
    });
  });

  it('names its errno, and then has no result', () => {
    const { attributes } = annotatedCall(keptCall('recvfrom', 1, { result: -11n }));
    assert.equal(attributes['slt.syscall.errno'], 'EAGAIN');
    assert.equal(attributes['slt.syscall.result'], undefined);
    assert.equal(attributes['slt.syscall.done_bytes'], undefined);
  });

  it('never shows an address as its result', () => {
    const { attributes } = annotatedCall(
      keptCall('mmap', 1, { args: [0n, 8192n, 3n, 0x22n], result: 0x7f12_3456_7000n }),
    );
    assert.equal(attributes['slt.syscall.result'], undefined);
    assert.equal(attributes['slt.syscall.asked_bytes'], 8192);
    assert.equal(attributes['slt.syscall.flags'], 'MAP_PRIVATE|MAP_ANONYMOUS');
  });

  const decoded: readonly [string, readonly bigint[], string, AttributeValue][] = [
    ['futex', [1n, 0x80n, 2n, 0n], 'slt.syscall.operation', 'FUTEX_WAIT_PRIVATE'],
    [
      'futex',
      [1n, 0x189n, 0n, 0n],
      'slt.syscall.operation',
      'FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME',
    ],
    ['futex', [1n, 1n, 1n, 0n], 'slt.syscall.operation', 'FUTEX_WAKE'],
    ['openat', [0n, 0n, 0o2001101n, 0o644n], 'slt.syscall.flags', 'O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC'],
    ['openat', [0n, 0n, 0o20200002n, 0n], 'slt.syscall.flags', 'O_RDWR|O_TMPFILE'],
    ['openat', [0n, 0n, 0n, 0n], 'slt.syscall.flags', 'O_RDONLY'],
    ['open', [0n, 0x40000000n, 0n, 0n], 'slt.syscall.flags', 'O_RDONLY|0x40000000'],
    ['socket', [2n, 0o2004001n, 0n, 0n], 'slt.syscall.flags', 'SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC'],
    ['socket', [10n, 1n, 0n, 0n], 'slt.syscall.operation', 'AF_INET6'],
    ['sendto', [3n, 0n, 9n, 0x4000n], 'slt.syscall.flags', 'MSG_NOSIGNAL'],
    ['recvmsg', [3n, 0n, 0n, 0n], 'slt.syscall.flags', '0'],
    ['madvise', [0n, 4096n, 4n, 0n], 'slt.syscall.operation', 'MADV_DONTNEED'],
    ['fcntl', [3n, 1030n, 0n, 0n], 'slt.syscall.operation', 'F_DUPFD_CLOEXEC'],
    ['flock', [3n, 6n, 0n, 0n], 'slt.syscall.operation', 'LOCK_EX|LOCK_NB'],
    ['ioctl', [3n, 0x80045430n, 0n, 0n], 'slt.syscall.operation', '0x80045430'],
    ['poll', [1n, 1n, 250n, 0n], 'slt.syscall.timeout_us', 250_000],
    ['epoll_wait', [5n, 1n, 64n, 250n], 'slt.syscall.timeout_us', 250_000],
    ['lseek', [3n, 0n, 2n, 0n], 'slt.syscall.operation', 'SEEK_END'],
  ];
  for (const [name, args, attribute, value] of decoded) {
    it(`reads ${name}(${args.map((arg) => `0x${arg.toString(16)}`).join(', ')}) as ${String(value)}`, () => {
      assert.equal(annotatedCall(keptCall(name, 1, { args: [...args] })).attributes[attribute], value);
    });
  }

  it('has no timeout nor operation where its class, but not the call, takes one there', () => {
    const pointer = 0x7ffd_0000_1000n;
    for (const [name, args] of [
      ['select', [4n, pointer, pointer, 0n]],
      ['ppoll', [pointer, 1n, pointer, 0n]],
      ['io_uring_enter', [5n, 1n, 1n, 1n]],
      ['futex_wait', [pointer, 1n, 1n, 0n]],
    ] as const) {
      const { attributes } = annotatedCall(keptCall(name, 1, { args: [...args] }));
      assert.equal(attributes['slt.syscall.timeout_us'], undefined, name);
      assert.equal(attributes['slt.syscall.operation'], undefined, name);
    }
  });

  it('waits without limit where its timeout is negative', () => {
    const { attributes } = annotatedCall(keptCall('poll', 1, { args: [1n, 1n, 0xffff_ffffn, 0n] }));
    assert.equal(attributes['slt.syscall.timeout_us'], undefined);
  });

  const socket = keptCall('recvfrom', 1, {
    args: [7n, 0n, 64n, 0n],
    fdKind: FdKind.TCP,
    fd: 7,
    localPort: 40000,
    remotePort: 5432,
    remoteAddress: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1),
  });

  it('tells of its arguments as much as the setting allows', () => {
    const none = annotatedCall(socket, 'none').attributes;
    assert.deepEqual(Object.keys(none).sort(), [
      'slt.syscall.blocked_us',
      'slt.syscall.duration_us',
      'slt.syscall.number',
      'slt.syscall.result',
      'slt.syscall.runqueue_us',
      'thread.id',
      'thread.name',
    ]);
    const some = annotatedCall(socket, 'kinds').attributes;
    assert.equal(some['network.transport'], 'tcp');
    assert.equal(some['network.local.port'], 40000);
    assert.equal(some['network.peer.port'], 5432);
    assert.equal(some['network.peer.address'], undefined);
    assert.equal(some['file.path'], undefined);
    const full = annotatedCall(socket, 'full').attributes;
    assert.equal(full['network.peer.address'], '192.0.2.1');
    assert.equal(full['file.path'], '/srv/journal');
    const futex = keptCall('futex', 1, { args: [0x7f00_1234n, 0n, 0n, 0n] });
    assert.equal(annotatedCall(futex, 'kinds').attributes['slt.syscall.futex_word'], undefined);
    assert.equal(annotatedCall(futex, 'full').attributes['slt.syscall.futex_word'], '0x7f001234');
  });

  it('writes addresses as RFC 5952 does', () => {
    const ipv6 = (...groups: number[]): string | undefined =>
      addressText(Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])));
    assert.equal(ipv6(0x2001, 0xdb8, 0, 0, 1, 0, 0, 1), '2001:db8::1:0:0:1');
    assert.equal(ipv6(0x2001, 0xdb8, 0, 1, 1, 1, 1, 1), '2001:db8:0:1:1:1:1:1');
    assert.equal(ipv6(0, 0, 0, 0, 0, 0, 0, 1), '::1');
    assert.equal(ipv6(0xfe80, 0, 0, 0, 0, 0, 0, 0), 'fe80::');
    assert.equal(ipv6(0, 0, 0, 0, 0, 0, 0, 0), undefined);
  });
});
