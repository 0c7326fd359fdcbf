/** How limits.kernel_memory is divided: pure arithmetic, so that what was decided can be printed and tested. */

/** Bytes of one element of each map, from the object. */
export interface ElementSizes {
  readonly thread: number;
  readonly part: number;
  readonly span: number;
  readonly process: number;
  /** There are as many as processes. */
  readonly user: number;
}

export interface MapSizes {
  /** Bytes of the ring buffer, a power of two. */
  readonly ring: number;
  readonly tidBlocks: number;
  readonly threads: number;
  readonly spans: number;
  readonly parts: number;
  readonly processes: number;
  /** Bytes of all maps together, hash tables estimated. */
  readonly bytes: number;
}

/** Thread slots are named by u16, index + 1 (struct slt_tid_block). */
const MOST_THREADS = 65_534;
/** Span slots lie in the low 20 bits of a serial number (SERIAL_STEP in bpf/spans.bpf.c). */
const MOST_SPANS = (1 << 20) - 2;
const TIDS_IN_BLOCK = 64;
const BYTES_OF_BLOCK = 2 * TIDS_IN_BLOCK;
/** An element of a preallocated hash: struct htab_elem, key, value, its bucket; and its index on the free stack. */
const HASH_OVERHEAD = 96;
/** Configuration, system-call rules, counters, filters. */
const FIXED = 256 * 1024;
const LEAST_RING = 64 * 1024;

function powerOfTwoBelow(bytes: number): number {
  return 2 ** Math.floor(Math.log2(bytes));
}

/**
 * A sixth for the ring, a sixteenth for threads, the rest for spans, each with one part: most spans are worked on by
 * one thread. Throws RangeError where `memory` does not even hold the table of thread numbers and a hundred spans.
 */
export function mapSizes(memory: number, pidMax: number, processes: number, sizes: ElementSizes): MapSizes {
  const tidBlocks = Math.ceil(pidMax / TIDS_IN_BLOCK);
  const perProcess = sizes.process + sizes.user + 2 * HASH_OVERHEAD;
  const given = memory - FIXED - tidBlocks * BYTES_OF_BLOCK - processes * perProcess;
  const perSpan = sizes.span + HASH_OVERHEAD + sizes.part;
  const least = 6 * LEAST_RING + 100 * perSpan;
  if (given < least) {
    throw new RangeError(
      `limits.kernel_memory of ${memory} bytes is too little here: thread numbers up to ${pidMax} and ${processes} processes need ${memory - given + least} bytes`,
    );
  }
  const ring = powerOfTwoBelow(given / 6);
  const threads = Math.min(MOST_THREADS, Math.floor(given / 16 / sizes.thread));
  const rest = given - ring - threads * sizes.thread;
  const spans = Math.min(MOST_SPANS, Math.floor(rest / perSpan));
  return {
    ring,
    tidBlocks,
    threads,
    spans,
    parts: spans,
    processes,
    bytes: memory - given + ring + threads * sizes.thread + spans * perSpan,
  };
}

/** How many of a kind of slots one process, and one user, may hold at a time. */
export interface Shares {
  readonly process: number;
  readonly user: number;
}

/**
 * Nine tenths and all but a sixteenth: a host often runs one service, which shall not be held to a small share, and
 * still nobody can take the last slot. Where there is one slot only, it may be had.
 */
export function sharesOf(slots: number): Shares {
  const user = Math.max(1, slots - Math.ceil(slots / 16));
  return { process: Math.max(1, Math.min(user, Math.floor(slots * 0.9))), user };
}
