import assert from 'node:assert/strict';
import { ProcessSlots } from '../../agent/src/backend/bpf/process-slots.js';
import type { BpfMap, BpfObject, BpfProgram } from '../../agent/src/native.js';
import { RecordSpanFlag, writeSpanKey } from '../../agent/src/wire/layout.js';

const PROCESS_BYTES = 88;

/** What the sweep asks of a map, in memory: a kernel with thousands of dead processes is not at hand. */
class Table implements Pick<BpfMap, 'maxEntries' | 'valueSize' | 'getBatch' | 'set' | 'delete' | 'push'> {
  readonly maxEntries = 10_000;
  readonly pushed: number[] = [];

  constructor(
    readonly valueSize: number,
    readonly entries: (readonly [Buffer, Buffer])[] = [],
  ) {}

  getBatch(): { keys: Uint8Array; values: Uint8Array; count: number } {
    return {
      keys: Buffer.concat(this.entries.map(([key]) => key)),
      values: Buffer.concat(this.entries.map(([, value]) => value)),
      count: this.entries.length,
    };
  }
  set(key: Uint8Array, value: Uint8Array): void {
    this.entries.find(([known]) => known.equals(key))?.[1].set(value);
  }
  delete(): boolean {
    return true;
  }
  push(value: Uint8Array): void {
    this.pushed.push(Buffer.from(value).readUInt32LE());
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** struct slt_process: tgid, start_ns, ended. */
function processEntry(index: number, pid: number, startNs: bigint, ended: boolean): [Buffer, Buffer] {
  const value = Buffer.alloc(PROCESS_BYTES);
  value.writeUInt32LE(pid, 0);
  value.writeBigUInt64LE(startNs, 8);
  value.writeUInt32LE(ended ? 1 : 0, 36);
  return [u32(index), value];
}

function spanEntry(slot: number, tgid: number, processStartNs: bigint): [Buffer, Buffer] {
  const spanId = Buffer.alloc(8);
  spanId.writeUInt32LE(slot);
  return [Buffer.from(writeSpanKey({ spanId, processStartNs, tgid })), u32(slot)];
}

interface Released {
  readonly slot: number;
  readonly process: number;
}

function swept(
  processes: [Buffer, Buffer][],
  spans: [Buffer, Buffer][],
): { gone: number[]; tried: Released[] } {
  const tried: Released[] = [];
  const release: Pick<BpfProgram, 'testRun'> = {
    testRun: (context = new Uint8Array()) => {
      const words = Buffer.from(context);
      assert.equal(words.readBigUInt64LE(8), BigInt(RecordSpanFlag.PROCESS_DIED));
      tried.push({ slot: Number(words.readBigUInt64LE(0)), process: Number(words.readBigUInt64LE(16)) });
      return 1;
    },
  };
  const maps: Record<string, Table> = {
    processes: new Table(PROCESS_BYTES, processes),
    open_spans: new Table(4, spans),
  };
  const object = {
    map: (name: string) => maps[name] ?? new Table(4),
    program: () => release,
  } as unknown as BpfObject;
  const slots = new ProcessSlots(object, 10_000, () => undefined);
  return { gone: slots.sweep(), tried };
}

describe('the sweep of processes that have gone', () => {
  it('tries each open span once, however many processes died', () => {
    const dead = Array.from({ length: 200 }, (_, index) => index);
    const { gone, tried } = swept(
      dead.map((index) => processEntry(index, 1000 + index, 5n, true)),
      Array.from({ length: 2000 }, (_, i) => spanEntry(i + 1, 1000 + (i % 200), 5n)),
    );
    assert.deepEqual(
      gone,
      dead.map((index) => 1000 + index),
    );
    assert.equal(tried.length, 2000);
    for (const { slot, process } of tried) assert.equal(process, (slot - 1) % 200);
  });

  it('leaves the spans of others, also of one that has the number of a dead process now', () => {
    const { tried } = swept(
      [processEntry(0, 1000, 5n, true)],
      [spanEntry(1, 1000, 5n), spanEntry(2, 1000, 6n), spanEntry(3, 1001, 5n)],
    );
    assert.deepEqual(tried, [{ slot: 1, process: 0 }]);
  });

  it('asks for both programs of a process that replaced its own and then died', () => {
    const { tried } = swept(
      [processEntry(0, 1000, 5n, true), processEntry(1, 1000, 5n, true)],
      [spanEntry(1, 1000, 5n)],
    );
    assert.deepEqual(tried, [
      { slot: 1, process: 0 },
      { slot: 1, process: 1 },
    ]);
  });
});
