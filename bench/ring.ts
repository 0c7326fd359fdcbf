/** `ring`: the native reader against a million small records a second, while JavaScript does not take one. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { native, type BpfObject, type RingBufferReader } from '../agent/src/native.js';
import { compileBpf } from '../test/helpers/compile.js';
import { plainRow, ratioRow, type Row } from './row.js';

const RECORD_BYTES = 32;
const RATE = 1_000_000;
/** Records are written in bursts of a millisecond. */
const BURST = RATE / 1_000;
/** As large as the agent's own by default: a reader that is not scheduled for a while loses nothing. */
const RING_BYTES = 8 * 2 ** 20;
/** How long JavaScript is busy at a time; what may wait for it is full after less than half of that. */
const BUSY_MS = 1_000;
const ROUNDS = 7;
/** Between the rounds it takes what waits. */
const REST_MS = 200;

function argumentsOf(...words: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(words).buffer);
}

/** Of the program's own globals: what it wrote, and what the ring had no room for. */
function globalOf(object: BpfObject, name: string): number {
  const { map, offset } = object.variable(name);
  const bytes = object.map(map).mmap();
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(offset, true));
}

/** Writes at the rate without one turn of the event loop. Seconds that it took. */
function busy(object: BpfObject): number {
  const program = object.program('produce');
  const burst = argumentsOf(BigInt(BURST), BigInt(RECORD_BYTES), 0n);
  const begin = performance.now();
  for (let sent = 0; sent < BUSY_MS; sent++) {
    while (performance.now() < begin + sent);
    program.testRun(burst);
  }
  return (performance.now() - begin) / 1e3;
}

interface Round {
  readonly perSecond: number;
  readonly residentMiB: number;
}

export async function ring(): Promise<Row[]> {
  const object = native().open(compileBpf(join('test', 'native', 'bpf', 'ring.bpf.c')));
  let reader: RingBufferReader | undefined;
  try {
    object.setMaxEntries('ring', RING_BYTES);
    object.load();
    let taken = 0;
    reader = native().drain(object.map('ring'), (_, records) => (taken += records));
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = Number(reader.stats().records);
      const seconds = busy(object);
      rounds.push({
        perSecond: (Number(reader.stats().records) - before) / seconds,
        residentMiB: process.memoryUsage.rss() / 2 ** 20,
      });
      await sleep(REST_MS);
    }
    await reader.close();
    const { deliveredRecords, droppedRecords } = reader.stats();
    const offered = globalOf(object, 'written') + globalOf(object, 'refused');
    const refused = globalOf(object, 'refused');
    const unaccounted = offered - refused - Number(droppedRecords) - taken;
    if (taken !== Number(deliveredRecords)) throw new Error(`${taken} records came, not ${deliveredRecords}`);
    return rowsOf(rounds, { unaccounted, refused, dropped: Number(droppedRecords) / offered });
  } finally {
    await reader?.close();
    object.close();
  }
}

function rowsOf(
  rounds: readonly Round[],
  { unaccounted, refused, dropped }: { unaccounted: number; refused: number; dropped: number },
): Row[] {
  const row = { bench: 'ring' };
  // After the first, batches that JavaScript has not let go yet are there as well.
  const [, first, ...later] = rounds.map(({ residentMiB }) => residentMiB);
  return [
    plainRow(
      { ...row, case: 'records_per_second', unit: '1/s' },
      rounds.map(({ perSecond }) => perSecond),
    ),
    plainRow({ ...row, case: 'refused_by_the_ring', unit: 'records' }, [refused]),
    {
      ...plainRow({ ...row, case: 'unaccounted', unit: 'records' }, [unaccounted]),
      budget: 0,
      ok: unaccounted === 0,
    },
    plainRow({ ...row, case: 'dropped_while_busy', unit: '%' }, [dropped * 100]),
    // Flat: once all that may wait was full and has been taken, there is no more of it.
    ratioRow(
      { ...row, case: 'resident_memory/second_round', unit: 'MiB', budget: 1.1 },
      later,
      later.map(() => first ?? NaN),
    ),
  ];
}
