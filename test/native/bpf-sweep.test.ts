/** The programs that user space runs to free what the dead have left, on states that a race or a loss would bring about. */
import assert from 'node:assert/strict';
import { readCounters } from '../../agent/src/backend/bpf/counters.js';
import { loadObject, type LoadedObject } from '../../agent/src/backend/bpf/load.js';
import { controlBlock } from '../../agent/src/backend/bpf/rules.js';
import { installation } from '../../agent/src/cli/installation.js';
import { readHostKernel } from '../../agent/src/host/kernel.js';
import { native } from '../../agent/src/native.js';
import {
  Class,
  RecordSpanFlag,
  RecordType,
  writeControl,
  writeSpanKey,
  type RecordProcess,
  type RecordSpan,
} from '../../agent/src/wire/layout.js';
import { decodeBatch, RECORD_VERSION } from '../../agent/src/wire/decode.js';
import { configSchema } from '../../schemas/config/schema.js';
import { structsOf, type Struct } from '../helpers/bpf-structs.js';
import { requireRoot, u32 } from './fixtures.js';

const PID = 4_000_000;
const UID = 1234;
const START_NS = 77n;
const SECOND = 1_000_000_000n;
const ANY_PROCESS = 0xffff_ffff_ffff_ffffn;

/** Members by their path: u32 for a number, u64 for a bigint. */
type Members = Readonly<Record<string, number | bigint>>;

function filled(struct: Struct, members: Members): Buffer {
  const bytes = Buffer.alloc(struct.size);
  for (const [path, value] of Object.entries(members)) {
    if (typeof value === 'bigint') bytes.writeBigUInt64LE(value, struct.at(path));
    else bytes.writeUInt32LE(value, struct.at(path));
  }
  return bytes;
}

interface Sent {
  readonly processes: { readonly type: number; readonly record: RecordProcess }[];
  readonly spans: RecordSpan[];
}

describe('the sweep of the BPF programs', () => {
  const struct = structsOf(installation.bpfObject);
  let loaded: LoadedObject;

  before(requireRoot);
  beforeEach(() => {
    const config = configSchema.parse({});
    loaded = loadObject(
      native(),
      { objectPath: installation.bpfObject, kernelMemory: 4 * 2 ** 20, processes: 8 },
      readHostKernel(),
    );
    const block = controlBlock(config, loaded.sizes, {
      generation: 1,
      attachedNs: 1n,
      callsAttachedNs: 1n,
      thresholdBeforeNs: 0n,
      highestBeforeNs: 0n,
    });
    loaded.object.map('control').set(u32(0), writeControl({ ...block, thresholdNs: 0n }));
  });
  afterEach(() => loaded.object.close());

  function run(program: string, ...args: (number | bigint)[]): number {
    return loaded.object.program(program).testRun(new Uint8Array(BigUint64Array.from(args, BigInt).buffer));
  }

  /** Process slot 0 in use, of user slot 0, as if popped from the free stacks. */
  function putProcess(members: Members): void {
    const process = { tgid: PID, uid: UID, start_ns: START_NS, user: 1, ...members };
    loaded.object.map('processes').set(u32(0), filled(struct('slt_process'), process));
    loaded.object.map('processes_by_tgid').set(u32(PID), u32(1));
    const user = { uid: UID, processes: 1, open_spans: members['open_spans'] ?? 0 };
    loaded.object.map('users').set(u32(0), filled(struct('slt_user'), user));
    loaded.object.map('users_by_uid').set(u32(UID), u32(1));
  }

  /** Span slot 0, open for a second; members of its record by `record.`. */
  function putSpan(members: Members): bigint {
    const startedNs = native().clocks().monotonicNs - SECOND;
    const span = {
      'key.span_id': 5n,
      'key.process_start_ns': START_NS,
      'key.tgid': PID,
      'record.header.type': RecordType.SPAN | (RECORD_VERSION << 16),
      'record.header.size': struct('slt_record_span').size,
      'record.started_ns': startedNs,
      ...members,
    };
    loaded.object.map('spans').set(u32(0), filled(struct('slt_span_slot'), span));
    const key = writeSpanKey({
      spanId: Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0),
      processStartNs: START_NS,
      tgid: PID,
    });
    loaded.object.map('open_spans').set(key, u32(1, 0));
    return startedNs;
  }

  async function sent(act: () => void): Promise<Sent> {
    const found: Sent = { processes: [], spans: [] };
    const unexpected = (): never => assert.fail('a record of another type');
    const reader = native().drain(loaded.object.map('records'), (batch) =>
      decodeBatch(batch, {
        process: (record) => found.processes.push({ type: RecordType.PROCESS, record }),
        exit: (record) => found.processes.push({ type: RecordType.EXIT, record }),
        span: (record) => found.spans.push(record),
        resource: unexpected,
        part: unexpected,
        calls: unexpected,
        malformed: unexpected,
      }),
    );
    act();
    await reader.close();
    return found;
  }

  function member(map: string, name: string, path: string): number {
    return Buffer.from(loaded.object.map(map).get(u32(0)) ?? []).readUInt32LE(struct(name).at(path));
  }

  const counter = (name: string): bigint | undefined => readCounters(loaded.object.map('counters')).get(name);

  const accounted = (record: RecordSpan): number =>
    record.accountNs.slice(Class.THREAD_CLASSES).reduce((sum, ns) => sum + ns, record.activeNs);

  it('holds what a race counted twice to the wall time, and says so', async () => {
    putProcess({ open_spans: 1, ended: 1 });
    const awaiting = struct('slt_span_slot').at('record.account_ns') + 8 * Class.AWAITING_LOOP_BUSY;
    const startedNs = putSpan({ 'record.active_ns': 5n * SECOND });
    const slot = Buffer.from(loaded.object.map('spans').get(u32(0)) ?? []);
    slot.writeBigUInt64LE(3n * SECOND, awaiting);
    slot.writeBigUInt64LE(startedNs, struct('slt_span_slot').at('idle_since'));
    loaded.object.map('spans').set(u32(0), slot);
    const { spans } = await sent(() =>
      assert.equal(run('release_span', 1, RecordSpanFlag.PROCESS_DIED, 0, 0), 1),
    );
    const [record] = spans;
    assert.ok(record !== undefined);
    assert.equal(accounted(record), Number(record.endedNs - record.startedNs));
    assert.notEqual(record.flags & RecordSpanFlag.ACTIVITY_RACED, 0);
  });

  it('says nothing of a span whose intervals add up to the wall time', async () => {
    putProcess({ open_spans: 1, ended: 1 });
    const startedNs = putSpan({ 'record.active_ns': SECOND / 4n });
    const slot = Buffer.from(loaded.object.map('spans').get(u32(0)) ?? []);
    slot.writeBigUInt64LE(startedNs + SECOND / 4n, struct('slt_span_slot').at('idle_since'));
    loaded.object.map('spans').set(u32(0), slot);
    const { spans } = await sent(() => assert.equal(run('release_span', 1, 0, 0, 0), 1));
    const [record] = spans;
    assert.ok(record !== undefined);
    assert.equal(accounted(record), Number(record.endedNs - record.startedNs));
    assert.equal(record.flags & RecordSpanFlag.ACTIVITY_RACED, 0);
    assert.equal(member('processes', 'slt_process', 'open_spans'), 0);
    assert.equal(member('users', 'slt_user', 'open_spans'), 0);
  });

  it('ends a span when its process went, however late the sweep is', async () => {
    for (const [after, wall] of [
      [SECOND / 4n, SECOND / 4n],
      [-SECOND, 0n], // by the clock of a thread that was overtaken
    ] as const) {
      const startedNs = putSpan({});
      putProcess({ open_spans: 1, ended: 1, ended_ns: startedNs + after });
      const { spans } = await sent(() =>
        assert.equal(run('release_span', 1, RecordSpanFlag.PROCESS_DIED, 0, 0), 1),
      );
      assert.deepEqual(
        spans.map((record) => record.endedNs - record.startedNs),
        [wall],
      );
    }
  });

  it('takes the time of the sweep for that of an end that nobody saw, whatever thread of the process has exited', async () => {
    const startedNs = putSpan({});
    putProcess({ open_spans: 1, ended_ns: startedNs + SECOND / 4n });
    const { spans } = await sent(() =>
      assert.equal(run('release_span', 1, RecordSpanFlag.PROCESS_DIED, 0, 0), 1),
    );
    assert.ok(spans.every((record) => record.endedNs - record.startedNs >= SECOND) && spans.length === 1);
  });

  it('leaves a span which somebody else ends at the same instant, until its process has gone', async () => {
    putProcess({ open_spans: 1 });
    putSpan({ enders: 1, 'record.active_ns': SECOND });
    const { spans } = await sent(() => {
      assert.equal(run('release_span', 1, 0, ANY_PROCESS, 0), 0);
      assert.equal(counter('drop.end_contested'), 1n);
      assert.equal(member('processes', 'slt_process', 'open_spans'), 1);
      assert.equal(run('release_span', 1, 0, ANY_PROCESS, 0), 0, 'it has no key any more');
      assert.equal(run('release_span', 1, RecordSpanFlag.PROCESS_DIED, 0, 0), 1);
      assert.equal(run('release_span', 1, RecordSpanFlag.PROCESS_DIED, 0, 0), 0, 'once');
    });
    assert.equal(spans.length, 1);
  });

  it('tells the start and the end of a process that nothing was told of, before it frees its slot', async () => {
    putProcess({ ended: 1, untold: (1 << RecordType.PROCESS) | (1 << RecordType.EXIT), exec_id: 9n });
    const { processes } = await sent(() => {
      assert.equal(run('release_process', 0, PID, START_NS + 1n, 0), 0, 'another process');
      assert.equal(run('release_process', 0, PID, START_NS, 0), 1);
      assert.equal(run('release_process', 0, PID, START_NS, 0), 0, 'once');
    });
    assert.deepEqual(
      processes.map(({ type, record }) => [type, record.tgid, record.startNs, record.execId]),
      [RecordType.PROCESS, RecordType.EXIT].map((type) => [type, PID, START_NS, 9n]),
    );
    assert.equal(member('processes', 'slt_process', 'tgid'), 0);
    assert.equal(loaded.object.map('users_by_uid').keys().length, 0, 'its user holds nothing any more');
  });

  it('tells the end of a process that went unseen, although it has used up its bytes of the ring', async () => {
    // A second that is not over while the test runs, however slowly.
    const second = native().clocks().monotonicNs + 3600n * SECOND;
    putProcess({ 'rate.second': second, 'rate.bytes': 1n << 40n });
    const { processes } = await sent(() => assert.equal(run('release_process', 0, PID, START_NS, 0), 1));
    assert.equal(counter('drop.record_bytes_process'), 1n, 'it was put off');
    assert.deepEqual(
      processes.map(({ type }) => type),
      [RecordType.EXIT],
    );
    assert.equal(loaded.object.map('processes_by_tgid').keys().length, 0);
  });

  it('keeps the slot of a process as long as anything counts against it', () => {
    for (const held of ['open_spans', 'threads', 'parts']) {
      putProcess({ ended: 1, [held]: 1 });
      assert.equal(run('release_process', 0, PID, START_NS, 0), 0, held);
    }
  });

  it('tells all again of a process that lives, when records were lost behind the ring', async () => {
    putProcess({ resources_sent: 0b110n });
    const { processes } = await sent(() => assert.equal(run('retell_process', 0, PID, START_NS), 1));
    assert.deepEqual(
      processes.map(({ type }) => type),
      [RecordType.PROCESS],
    );
    assert.equal(member('processes', 'slt_process', 'resources_sent'), 0);
  });

  it('frees a thread’s slot when the thread has gone, or when its number leads to another slot', () => {
    const thread = filled(struct('slt_thread'), { tid: 4321, tgid: PID, process: 0 });
    const place = (slot: number): void => {
      const block = Buffer.alloc(struct('slt_tid_block').size);
      block.writeUInt16LE(slot, 2 * (4321 % 64));
      loaded.object.map('threads_by_tid').set(u32(Math.floor(4321 / 64)), block);
    };
    for (const [slot, gone, freed] of [
      [1, 0, 0],
      [1, 1, 1],
      [7, 0, 1],
    ] as const) {
      putProcess({ threads: 1 });
      loaded.object.map('threads').set(u32(0), thread);
      place(slot);
      assert.equal(run('release_thread', 1, 4321, 0, gone), freed);
      assert.equal(member('processes', 'slt_process', 'threads'), 1 - freed);
    }
  });
});
