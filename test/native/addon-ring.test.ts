import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { native, type BpfObject, type DrainOptions, type RingBufferReader } from '../../agent/src/native.js';
import { presentFiles } from '../helpers/present-files.js';
import { PATIENCE_MS, until } from '../helpers/until.js';
import {
  closeFixtures,
  loadFixture,
  readGlobal,
  readU32,
  readU64,
  requireRoot,
  thrown,
  u64,
} from './fixtures.js';

const BPF_RB_NO_WAKEUP = 1n;
const BPF_RB_FORCE_WAKEUP = 2n;

/** Writes `count` records of `size` bytes; each begins with its number. */
function produce(object: BpfObject, count: number, size = 16, flags = 0n): void {
  object.program('produce').testRun(u64(BigInt(count), BigInt(size), flags));
}

const NONE = Array<bigint>(64).fill(0n);

/** Blocks this thread for so long: not one turn of the event loop. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Blocks until the reader's thread has had to drop records. */
function blockUntilDropped(reader: RingBufferReader): void {
  for (const end = Date.now() + PATIENCE_MS; reader.stats().droppedRecords === 0n; block(2))
    assert.ok(Date.now() < end, 'the reader drops what it has no room for');
}

/** What a reader was given, record by record. */
class Received {
  readonly numbers: number[] = [];
  readonly lengths = new Set<number>();
  batches = 0;
  readonly take = (batch: Uint8Array, records: number): void => {
    this.batches++;
    let offset = 0;
    let found = 0;
    for (; offset < batch.length; found++) {
      const length = readU32(batch, offset);
      assert.equal(readU32(batch, offset + 4), 0);
      this.lengths.add(length);
      this.numbers.push(Number(readU64(batch, offset + 8)));
      offset += 8 + Math.ceil(length / 8) * 8;
    }
    assert.equal(offset, batch.length);
    assert.equal(found, records);
  };
}

describe('addon: ring buffers', () => {
  const readers: RingBufferReader[] = [];

  before(requireRoot);
  afterEach(async () => {
    await Promise.all(readers.splice(0).map((reader) => reader.close()));
    closeFixtures();
  });

  function drain(object: BpfObject, received: Received, options?: DrainOptions): RingBufferReader {
    const reader = native().drain(object.map('ring'), received.take, options);
    readers.push(reader);
    return reader;
  }

  it('delivers every record once and in order, with exact counts', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const reader = drain(object, received, { batchBytes: 4096, batchMs: 1 });
    for (let round = 0; round < 50; round++) {
      produce(object, 1000, 32, BPF_RB_FORCE_WAKEUP);
      await until(() => received.numbers.length === (round + 1) * 1000, 'all of a round arrives');
    }
    await reader.close();
    assert.equal(readGlobal(object, 'refused'), 0n);
    assert.deepEqual(received.numbers, [...Array(50_000).keys()]);
    assert.deepEqual([...received.lengths], [32]);
    assert.deepEqual(reader.stats(), {
      records: 50_000n,
      bytes: 1_600_000n,
      deliveredRecords: 50_000n,
      deliveredBytes: 1_600_000n,
      droppedRecords: 0n,
      droppedBytes: 0n,
      droppedByTag: NONE,
    });
  });

  it('pads a record to a multiple of eight', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const reader = drain(object, received);
    for (const size of [8, 13, 16, 21, 64]) produce(object, 1, size);
    await reader.close();
    assert.deepEqual([...received.lengths], [8, 13, 16, 21, 64]);
    assert.deepEqual(received.numbers, [0, 1, 2, 3, 4]);
  });

  it('drains records that were written without a wake-up, within pollMs and batchMs', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    drain(object, received, { pollMs: 5, batchMs: 5 });
    for (let round = 1; round <= 3; round++) {
      produce(object, 10, 16, BPF_RB_NO_WAKEUP);
      await until(
        () => received.numbers.length === round * 10,
        'the records arrive while the reader is open',
      );
    }
  });

  it('hands a batch over when its first record is old, not only when it is full', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    drain(object, received, { batchMs: 20 });
    produce(object, 1);
    await until(() => received.batches === 1, 'a batch of one record arrives');
  });

  it('empties the ring while JavaScript is blocked, keeps to its bound, and counts what it dropped', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const options = { batchBytes: 1024, queuedBatches: 4, pollMs: 1, batchMs: 1 };
    const reader = drain(object, received, options);
    for (let round = 0; round < 200; round++) {
      produce(object, 500, 24);
      block(2);
    }
    blockUntilDropped(reader);
    const blocked = reader.stats();
    assert.equal(received.numbers.length, 0);
    // 24 bytes take 32 in a batch.
    const bound = BigInt((options.batchBytes / 32) * options.queuedBatches);
    assert.ok(blocked.records - blocked.droppedRecords <= bound, 'no more than the bound waits');
    await reader.close();
    const { records, bytes, deliveredRecords, deliveredBytes, droppedRecords, droppedBytes, droppedByTag } =
      reader.stats();
    assert.equal(records, readGlobal(object, 'written'));
    assert.equal(readGlobal(object, 'written') + readGlobal(object, 'refused'), 100_000n);
    assert.equal(records, deliveredRecords + droppedRecords);
    assert.equal(bytes, deliveredBytes + droppedBytes);
    assert.equal(bytes, records * 24n);
    assert.equal(deliveredRecords, BigInt(received.numbers.length));
    // The number that a record begins with, in its first two bytes, is its tag.
    const tags = NONE.map((_, tag) => Math.ceil((Number(records) - tag) / 65_536));
    for (const number of received.numbers) {
      const tag = number % 65_536;
      if (tag < tags.length) tags[tag] = (tags[tag] ?? 0) - 1;
    }
    assert.deepEqual(droppedByTag, tags.map(BigInt));
  });

  it('finds no tag in a record that is too short for one', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const reader = drain(object, received, { batchBytes: 64, queuedBatches: 1, pollMs: 1, batchMs: 1 });
    produce(object, 100, 1);
    blockUntilDropped(reader);
    assert.deepEqual(reader.stats().droppedByTag, NONE);
    await reader.close();
  });

  it('delivers again after it had to drop', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const reader = drain(object, received, { batchBytes: 256, queuedBatches: 1, pollMs: 1, batchMs: 1 });
    produce(object, 1000);
    blockUntilDropped(reader);
    const settled = (): boolean => {
      const { deliveredRecords, droppedRecords } = reader.stats();
      return deliveredRecords + droppedRecords === 1000n;
    };
    await until(settled, 'what was not dropped is delivered');
    produce(object, 1);
    await until(() => received.numbers.includes(1000), 'the record after the drops arrives');
  });

  it('on close hands over all that the ring holds, also with a single batch slot', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const reader = drain(object, received, {
      batchBytes: 64,
      queuedBatches: 1,
      pollMs: 60_000,
      batchMs: 60_000,
    });
    await sleep(20);
    produce(object, 3000, 16, BPF_RB_NO_WAKEUP);
    await reader.close();
    assert.deepEqual(received.numbers, [...Array(3000).keys()]);
    assert.equal(reader.stats().droppedRecords, 0n);
  });

  it('gives a record that is larger than a batch a batch of its own', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const reader = drain(object, received, { batchBytes: 64 });
    produce(object, 5, 64);
    await reader.close();
    assert.deepEqual(received.numbers, [0, 1, 2, 3, 4]);
    assert.equal(received.batches, 5);
  });

  it('closes once, however often it is asked', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const reader = drain(object, received);
    produce(object, 10);
    await Promise.all([reader.close(), reader.close()]);
    await reader.close();
    assert.equal(received.numbers.length, 10);
  });

  it('outlives the close of its object', async () => {
    const object = loadFixture('ring');
    const received = new Received();
    const reader = drain(object, received, { pollMs: 60_000, batchMs: 60_000 });
    produce(object, 100, 16, BPF_RB_NO_WAKEUP);
    object.close();
    await reader.close();
    assert.equal(received.numbers.length, 100);
  });

  it('leaves batches to their receiver: none is written to again', async () => {
    const object = loadFixture('ring');
    const batches: Uint8Array[] = [];
    const reader = native().drain(object.map('ring'), (batch) => batches.push(batch), {
      batchBytes: 512,
      queuedBatches: 10_000,
    });
    readers.push(reader);
    for (let round = 0; round < 20; round++) {
      produce(object, 1000);
      await sleep(5);
    }
    await reader.close();
    const received = new Received();
    for (const batch of batches) received.take(batch, readCount(batch));
    assert.deepEqual(received.numbers, [...Array(20_000).keys()]);
  });

  it('lets several readers of several rings run side by side', async () => {
    const objects = [loadFixture('ring'), loadFixture('ring')];
    const received = objects.map(() => new Received());
    const open = objects.map((object, i) => drain(object, received[i] ?? assert.fail(), {}));
    objects.forEach((object, i) => produce(object, 100 * (i + 1)));
    await Promise.all(open.map((reader) => reader.close()));
    assert.deepEqual(
      received.map(({ numbers }) => numbers.length),
      [100, 200],
    );
  });

  it('reports an exception of the callback as uncaught, and goes on', async () => {
    const object = loadFixture('ring');
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      let records = 0;
      const reader = native().drain(object.map('ring'), (_batch, count) => {
        records += count;
        if (records === 1) throw new Error('from onBatch');
      });
      readers.push(reader);
      produce(object, 1);
      await until(() => uncaught.length === 1, 'the exception arrives');
      produce(object, 1);
      await reader.close();
      assert.equal(records, 2);
      assert.equal((uncaught[0] as Error).message, 'from onBatch');
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });

  it('blocks all signals on its thread', () => {
    const object = loadFixture('ring');
    drain(object, new Received());
    const threads = presentFiles('/proc/self/task', 'status');
    const ours = threads.filter((status) => /^Name:\s+slt-ring$/m.test(status));
    assert.equal(ours.length, 1);
    // All but SIGKILL and SIGSTOP, and the two that libc keeps (32 and 33).
    const blocked = BigInt(`0x${/^SigBlk:\s+([0-9a-f]+)$/m.exec(ours[0] ?? '')?.[1] ?? '0'}`);
    const unblockable = [9, 19, 32, 33].reduce((mask, signal) => mask | (1n << BigInt(signal - 1)), 0n);
    assert.equal(blocked | unblockable, (1n << 64n) - 1n);
  });

  it('refuses other maps, closed objects and options out of range', () => {
    const ring = loadFixture('ring');
    const ignore = (): void => undefined;
    const hash = loadFixture('maps').map('hash');
    assert.match(
      thrown('ERR_INVALID_ARG_TYPE', () => native().drain(hash, ignore)).message,
      /^map: .*RINGBUF/,
    );
    const map = ring.map('ring');
    assert.match(
      thrown('ERR_OUT_OF_RANGE', () => native().drain(map, ignore, { pollMs: 0 })).message,
      /^pollMs/,
    );
    assert.match(
      thrown('ERR_OUT_OF_RANGE', () => native().drain(map, ignore, { queuedBatches: 0 })).message,
      /^queuedBatches/,
    );
    assert.match(
      thrown('ERR_OUT_OF_RANGE', () => native().drain(map, ignore, { batchBytes: 1.5 })).message,
      /^batchBytes/,
    );
    ring.close();
    thrown('ERR_BPF_CLOSED', () => native().drain(map, ignore));
  });
});

function readCount(batch: Uint8Array): number {
  let count = 0;
  for (let offset = 0; offset < batch.length; count++)
    offset += 8 + Math.ceil(readU32(batch, offset) / 8) * 8;
  return count;
}
