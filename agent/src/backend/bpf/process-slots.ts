/**
 * Which processes the kernel side follows, and freeing what the dead ones left:
 * their open spans are ended by the kernel side's own program, which sends those that were slow.
 */
import type { BpfMap, BpfObject, BpfProgram } from '../../native.js';
import type { ProcessKey } from '../../spans/evidence.js';
import { RecordSpanFlag } from '../../wire/layout.js';

/** Members of struct slt_process (bpf/include/state.h) that are read here. */
const PROCESS_TGID = 0;
const PROCESS_START = 8;
const PROCESS_ENDED = 36;

/** A span that is open for so long while slots run short is given up. */
const ABANDONED_NS = 600_000_000_000n;
const SHORT_OF_SLOTS = 0.8;
/** ANY_PROCESS of bpf/spans.bpf.c */
const ANY_PROCESS = 0xffff_ffff_ffff_ffffn;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export class ProcessSlots {
  readonly #slots: BpfMap;
  readonly #byPid: BpfMap;
  readonly #free: BpfMap;
  readonly #openSpans: BpfMap;
  readonly #runtimes: BpfMap;
  readonly #release: BpfProgram;

  /** startOf: a live process's start (CLOCK_BOOTTIME ns, to the clock tick), undefined: there is none. */
  constructor(
    object: BpfObject,
    private readonly spans: number,
    private readonly startOf: (pid: number) => bigint | undefined,
  ) {
    this.#slots = object.map('processes');
    this.#byPid = object.map('processes_by_tgid');
    this.#free = object.map('free_processes');
    this.#openSpans = object.map('open_spans');
    this.#runtimes = object.map('runtimes');
    this.#release = object.program('release_span');
  }

  /** Processes that are followed now. */
  count(): number {
    return this.#byPid.keys().length;
  }

  /** The slot (index) of a process that is followed; undefined: it is not. */
  find(process: ProcessKey): number | undefined {
    const slot = this.#byPid.get(u32(process.pid));
    if (slot === undefined) return undefined;
    const index = Buffer.from(slot).readUInt32LE() - 1;
    const value = Buffer.from(this.#slots.get(u32(index)) ?? []);
    return value.length > 0 && value.readBigUInt64LE(PROCESS_START) === process.startNs ? index : undefined;
  }

  setRuntimeWords(index: number, value: Uint8Array): void {
    this.#runtimes.set(u32(index), value);
  }

  /** Ends the spans of processes that have gone, and frees their slots. Returns the numbers of those processes. */
  sweep(): number[] {
    const gone: number[] = [];
    const entries = this.#slots.getBatch(this.#slots.maxEntries);
    const keys = Buffer.from(entries.keys.buffer, entries.keys.byteOffset, entries.keys.byteLength);
    const values = Buffer.from(entries.values.buffer, entries.values.byteOffset, entries.values.byteLength);
    const size = this.#slots.valueSize;
    const ended = new Map<number, number>();
    for (let i = 0; i < entries.count; i++) {
      const value = values.subarray(i * size, (i + 1) * size);
      const pid = value.readUInt32LE(PROCESS_TGID);
      if (pid === 0) continue;
      if (value.readUInt32LE(PROCESS_ENDED) === 0) {
        if (this.#lives(pid, value.readBigUInt64LE(PROCESS_START))) continue;
        // It went while the tracepoints were not attached.
        this.#byPid.delete(u32(pid));
      }
      ended.set(keys.readUInt32LE(i * 4), pid);
    }
    if (ended.size > 0) this.#releaseSpansOf(ended);
    for (const [index, pid] of ended) {
      this.#slots.set(u32(index), Buffer.alloc(size));
      this.#free.push(u32(index));
      gone.push(pid);
    }
    return gone;
  }

  /** When slots run short: gives up spans that nobody ends. Returns how many. */
  giveUpOldSpans(): number {
    const slots = this.#openSlots();
    if (slots.length < this.spans * SHORT_OF_SLOTS) return 0;
    return slots.reduce(
      (released, slot) => released + this.#end(slot, RecordSpanFlag.ABANDONED, ANY_PROCESS, ABANDONED_NS),
      0,
    );
  }

  #lives(pid: number, startNs: bigint): boolean {
    const start = this.startOf(pid);
    if (start === undefined) return false;
    // /proc tells the start in ticks of 10 ms, rounded down.
    const difference = startNs - start;
    return difference > -20_000_000n && difference < 20_000_000n;
  }

  #releaseSpansOf(processes: ReadonlyMap<number, number>): void {
    const slots = this.#openSlots();
    for (const index of processes.keys()) {
      for (const slot of slots) this.#end(slot, RecordSpanFlag.PROCESS_DIED, BigInt(index), 0n);
    }
  }

  #openSlots(): number[] {
    const { values, count } = this.#openSpans.getBatch(this.#openSpans.maxEntries);
    const view = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return Array.from({ length: count }, (_, i) => view.readUInt32LE(i * 4));
  }

  /** The program itself checks that the span is that process's and so old. */
  #end(slot: number, flags: number, process: bigint, ageNs: bigint): number {
    const context = Buffer.alloc(32);
    context.writeBigUInt64LE(BigInt(slot), 0);
    context.writeBigUInt64LE(BigInt(flags), 8);
    context.writeBigUInt64LE(process, 16);
    context.writeBigUInt64LE(ageNs, 24);
    return this.#release.testRun(context);
  }
}
