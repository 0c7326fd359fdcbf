/**
 * Which processes the kernel side follows, and freeing what the dead ones left:
 * their open spans are ended by the kernel side's own program, which sends those that were slow.
 */
import type { BpfMap, BpfObject, BpfProgram } from '../../native.js';
import type { ProcessKey } from '../../spans/evidence.js';
import {
  CAPTURE_SIZE,
  CaptureMode,
  RecordSpanFlag,
  SPAN_KEY_SIZE,
  readCapture,
  readSpanKey,
  writeCapture,
  type Capture,
} from '../../wire/layout.js';

/** Members of struct slt_process (bpf/include/state.h) that are read here. */
const PROCESS_TGID = 0;
const PROCESS_START = 8;
const PROCESS_ENDED = 36;

/** A span that is open for so long while slots run short is given up. */
const ABANDONED_NS = 600_000_000_000n;
const SHORT_OF_SLOTS = 0.8;
/** ANY_PROCESS of bpf/spans.bpf.c */
const ANY_PROCESS = 0xffff_ffff_ffff_ffffn;

function nameOf({ pid, startNs }: ProcessKey): string {
  return `${pid} ${startNs}`;
}

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
  readonly #captures: BpfMap;
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
    this.#captures = object.map('captures');
    this.#release = object.program('release_span');
  }

  /** Processes that are followed now, and those of them that have each of their system calls recorded. */
  counts(): { tracked: number; recorded: number } {
    const captures = this.#captures.getBatch(this.#captures.maxEntries).values;
    const modes = new DataView(captures.buffer, captures.byteOffset, captures.byteLength);
    const { values, count } = this.#byPid.getBatch(this.#byPid.maxEntries);
    const slots = new DataView(values.buffer, values.byteOffset, values.byteLength);
    let recorded = 0;
    for (let i = 0; i < count; i++) {
      const index = slots.getUint32(i * 4, true) - 1;
      if (readCapture(modes, index * CAPTURE_SIZE).mode === CaptureMode.ALL) recorded++;
    }
    return { tracked: count, recorded };
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

  /** Returns whether that is another capture than the process had. */
  setCapture(index: number, capture: Capture): boolean {
    const value = this.#captures.get(u32(index));
    if (value === undefined) return false;
    const before = readCapture(new DataView(value.buffer, value.byteOffset, value.byteLength), 0);
    if (before.mode === capture.mode && before.escalated === capture.escalated) return false;
    this.#captures.set(u32(index), writeCapture(capture));
    return true;
  }

  /** Ends the spans of processes that have gone, and frees their slots. Returns the numbers of those processes. */
  sweep(): number[] {
    const gone: number[] = [];
    const entries = this.#slots.getBatch(this.#slots.maxEntries);
    const keys = Buffer.from(entries.keys.buffer, entries.keys.byteOffset, entries.keys.byteLength);
    const values = Buffer.from(entries.values.buffer, entries.values.byteOffset, entries.values.byteLength);
    const size = this.#slots.valueSize;
    const ended = new Map<number, ProcessKey>();
    for (let i = 0; i < entries.count; i++) {
      const value = values.subarray(i * size, (i + 1) * size);
      const pid = value.readUInt32LE(PROCESS_TGID);
      if (pid === 0) continue;
      const startNs = value.readBigUInt64LE(PROCESS_START);
      if (value.readUInt32LE(PROCESS_ENDED) === 0) {
        if (this.#lives(pid, startNs)) continue;
        // It went while the tracepoints were not attached.
        this.#byPid.delete(u32(pid));
      }
      ended.set(keys.readUInt32LE(i * 4), { pid, startNs });
    }
    if (ended.size > 0) this.#releaseSpansOf(ended);
    for (const [index, { pid }] of ended) {
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
      (released, { slot }) => released + this.#end(slot, RecordSpanFlag.ABANDONED, ANY_PROCESS, ABANDONED_NS),
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

  /** One pass over the open spans, of whom each names its process: a process may leave many, and many may die at once. */
  #releaseSpansOf(processes: ReadonlyMap<number, ProcessKey>): void {
    // Programs that replaced one another have one key, and a slot each.
    const slotsOf = new Map<string, number[]>();
    for (const [index, process] of processes) {
      const key = nameOf(process);
      slotsOf.set(key, [...(slotsOf.get(key) ?? []), index]);
    }
    for (const { slot, process } of this.#openSlots()) {
      for (const index of slotsOf.get(nameOf(process)) ?? [])
        this.#end(slot, RecordSpanFlag.PROCESS_DIED, BigInt(index), 0n);
    }
  }

  #openSlots(): { readonly slot: number; readonly process: ProcessKey }[] {
    const { keys, values, count } = this.#openSpans.getBatch(this.#openSpans.maxEntries);
    const keyView = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    const view = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return Array.from({ length: count }, (_, i) => {
      const { tgid, processStartNs } = readSpanKey(keyView, i * SPAN_KEY_SIZE);
      return { slot: view.readUInt32LE(i * 4), process: { pid: tgid, startNs: processStartNs } };
    });
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
