/**
 * Which processes the kernel side follows, and freeing what the dead ones left. The kernel side's own programs do
 * it, so that its counts hold: they end open spans, and send those that were slow; they free threads whose exit was
 * not seen, and at last the process itself, whose end they tell where it was not told yet.
 */
import { existsSync } from 'node:fs';
import type { BpfMap, BpfObject, BpfProgram } from '../../native.js';
import type { ProcessKey } from '../../spans/evidence.js';
import {
  CAPTURE_SIZE,
  CaptureMode,
  RecordSpanFlag,
  RecordType,
  SPAN_KEY_SIZE,
  readCapture,
  readSpanKey,
  writeCapture,
  type Capture,
} from '../../wire/layout.js';

/** Members of struct slt_process, slt_thread and slt_span_slot (bpf/include/state.h, which holds them to it) that are read here. */
const PROCESS_TGID = 0;
const PROCESS_START = 8;
const PROCESS_OPEN_SPANS = 32;
const PROCESS_ENDED = 36;
const PROCESS_THREADS = 72;
const PROCESS_PARTS = 76;
const PROCESS_UNTOLD = 84;
const PROCESS_ALLOWED_IN = 88;
const PROCESS_REFUSED_IN = 92;
const THREAD_TID = 0;
const THREAD_PROCESS = 8;
const SPAN_TGID = 16;
const SPAN_PROCESS = 24;
/** Later than any span. */
const NEVER_NS = 2n ** 64n - 1n;
/** PARTS_AT_ONCE of bpf/sweep.bpf.c */
const PARTS_AT_ONCE = 256;

/** A span that is open for so long while slots run short is given up. */
const ABANDONED_NS = 600_000_000_000n;
const SHORT_OF_SLOTS = 0.8;
/** ANY_PROCESS of bpf/sweep.bpf.c */
const ANY_PROCESS = 0xffff_ffff_ffff_ffffn;

function nameOf({ pid, startNs }: ProcessKey): string {
  return `${pid} ${startNs}`;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Runs a program whose arguments are u64. */
function run(program: BpfProgram, ...args: (number | bigint)[]): number {
  const context = Buffer.alloc(8 * args.length);
  args.forEach((arg, i) => context.writeBigUInt64LE(BigInt(arg), 8 * i));
  return program.testRun(context);
}

/** The elements of an array map, by index. */
function elements(map: BpfMap): { readonly index: number; readonly value: Buffer }[] {
  const { keys, values, count } = map.getBatch(map.maxEntries);
  const indices = Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength);
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return Array.from({ length: count }, (_, i) => ({
    index: indices.readUInt32LE(4 * i),
    value: bytes.subarray(i * map.valueSize, (i + 1) * map.valueSize),
  }));
}

/** The values of all elements, one after the other: of an array map, by index. */
function valuesOf(map: BpfMap): { readonly view: DataView; readonly count: number } {
  const { values, count } = map.getBatch(map.maxEntries);
  return { view: new DataView(values.buffer, values.byteOffset, values.byteLength), count };
}

/** process_is_refused() of bpf/include/probes.h, with no span open. `at`: where the process's slot begins. */
function isLetGo(processes: DataView, at: number): boolean {
  return (
    processes.getUint32(at + PROCESS_REFUSED_IN, true) > processes.getUint32(at + PROCESS_ALLOWED_IN, true) &&
    processes.getUint32(at + PROCESS_OPEN_SPANS, true) === 0
  );
}

/** A process slot in use, as the kernel side had it when it was read. */
interface ProcessSlot {
  readonly index: number;
  readonly pid: number;
  readonly startNs: bigint;
  readonly ended: boolean;
  readonly untold: boolean;
}

export class ProcessSlots {
  readonly #slots: BpfMap;
  readonly #byPid: BpfMap;
  readonly #threads: BpfMap;
  readonly #spanSlots: BpfMap;
  readonly #parts: BpfMap;
  readonly #openSpans: BpfMap;
  readonly #runtimes: BpfMap;
  readonly #captures: BpfMap;
  readonly #programs: Readonly<Record<'span' | 'thread' | 'parts' | 'process' | 'retell', BpfProgram>>;

  /** startOf: a live process's start (CLOCK_BOOTTIME ns, to the clock tick), undefined: there is none. */
  constructor(
    object: BpfObject,
    private readonly spans: number,
    private readonly startOf: (pid: number) => bigint | undefined,
  ) {
    this.#slots = object.map('processes');
    this.#byPid = object.map('processes_by_tgid');
    this.#threads = object.map('threads');
    this.#spanSlots = object.map('spans');
    this.#parts = object.map('parts');
    this.#openSpans = object.map('open_spans');
    this.#runtimes = object.map('runtimes');
    this.#captures = object.map('captures');
    this.#programs = {
      span: object.program('release_span'),
      thread: object.program('release_thread'),
      parts: object.program('release_parts'),
      process: object.program('release_process'),
      retell: object.program('retell_process'),
    };
  }

  /**
   * Processes that are followed now, and those of them that have each of their system calls recorded. One that the
   * filter holds back since a reload is followed until the last of its spans has ended.
   */
  counts(): { tracked: number; recorded: number } {
    const { view: modes } = valuesOf(this.#captures);
    const { view: processes } = valuesOf(this.#slots);
    const { view: slots, count } = valuesOf(this.#byPid);
    let tracked = 0;
    let recorded = 0;
    for (let i = 0; i < count; i++) {
      const index = slots.getUint32(i * 4, true) - 1;
      if (isLetGo(processes, index * this.#slots.valueSize)) continue;
      tracked++;
      if (readCapture(modes, index * CAPTURE_SIZE).mode === CaptureMode.ALL) recorded++;
    }
    return { tracked, recorded };
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
  setCapture(index: number, capture: Omit<Capture, 'sinceNs'>, now: () => bigint): boolean {
    const value = this.#captures.get(u32(index));
    if (value === undefined) return false;
    const before = readCapture(new DataView(value.buffer, value.byteOffset, value.byteLength), 0);
    if (before.mode === capture.mode && before.escalated === capture.escalated) return false;
    // Whatever starts before the time is taken, in the one capture or in the other, counts as open during the change.
    this.#captures.set(u32(index), writeCapture({ ...capture, sinceNs: NEVER_NS }));
    this.#captures.set(u32(index), writeCapture({ ...capture, sinceNs: now() }));
    return true;
  }

  /**
   * Frees what processes that have gone held. Returns the numbers of those of which nothing is held any more; the others are
   * for the next sweep. `lost`: records were lost behind the ring since the last sweep, so all is told again.
   */
  sweep(lost: boolean): number[] {
    const gone: number[] = [];
    // Read once, and only when a process left spans: it may leave many, and many may die at once.
    let open: ReadonlyMap<string, readonly number[]> | undefined;
    for (const slot of this.#used()) {
      const lives = this.#lives(slot.pid, slot.startNs);
      if (!slot.ended && lives) {
        if (lost || slot.untold) run(this.#programs.retell, slot.index, slot.pid, slot.startNs);
        continue;
      }
      this.#releaseHeld(slot, lives, (process) => (open ??= this.#openSlotsByProcess()).get(nameOf(process)));
      if (run(this.#programs.process, slot.index, slot.pid, slot.startNs, lost ? 1 : 0) === 1)
        gone.push(slot.pid);
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

  #used(): ProcessSlot[] {
    return elements(this.#slots)
      .filter(({ value }) => value.readUInt32LE(PROCESS_TGID) !== 0)
      .map(({ index, value }) => ({
        index,
        pid: value.readUInt32LE(PROCESS_TGID),
        startNs: value.readBigUInt64LE(PROCESS_START),
        ended: value.readUInt32LE(PROCESS_ENDED) !== 0,
        untold: (value.readUInt32LE(PROCESS_UNTOLD) & (1 << RecordType.PROCESS)) !== 0,
      }));
  }

  /** lives: a process that has replaced its program. Then its number has threads, and so has its task. */
  #releaseHeld(
    { index, pid, startNs }: ProcessSlot,
    lives: boolean,
    openOf: (process: ProcessKey) => readonly number[] | undefined,
  ): void {
    const held = (member: number): boolean =>
      Buffer.from(this.#slots.get(u32(index)) ?? []).readUInt32LE(member) !== 0;
    if (held(PROCESS_OPEN_SPANS)) {
      for (const slot of openOf({ pid, startNs }) ?? [])
        this.#end(slot, RecordSpanFlag.PROCESS_DIED, index, 0n);
    }
    // Those that lost their key when they were ended twice at once.
    if (held(PROCESS_OPEN_SPANS)) {
      for (const { index: span, value } of elements(this.#spanSlots)) {
        if (value.readUInt32LE(SPAN_TGID) === pid && value.readUInt32LE(SPAN_PROCESS) === index)
          this.#end(span + 1, RecordSpanFlag.PROCESS_DIED, index, 0n);
      }
    }
    if (held(PROCESS_THREADS)) {
      for (const { index: thread, value } of elements(this.#threads)) {
        const tid = value.readUInt32LE(THREAD_TID);
        if (tid === 0 || value.readUInt32LE(THREAD_PROCESS) !== index) continue;
        const exists = lives && existsSync(`/proc/${pid}/task/${tid}`);
        run(this.#programs.thread, thread + 1, tid, index, exists ? 0 : 1);
      }
    }
    if (held(PROCESS_PARTS)) {
      for (let first = 0; first < this.#parts.maxEntries; first += PARTS_AT_ONCE)
        run(this.#programs.parts, first, index);
    }
  }

  #openSlotsByProcess(): ReadonlyMap<string, readonly number[]> {
    const byProcess = new Map<string, number[]>();
    for (const { slot, process } of this.#openSlots()) {
      const slots = byProcess.get(nameOf(process));
      if (slots === undefined) byProcess.set(nameOf(process), [slot]);
      else slots.push(slot);
    }
    return byProcess;
  }

  /** Spans that are open: slot (index + 1), and whose. */
  #openSlots(): { readonly slot: number; readonly process: ProcessKey }[] {
    const { keys, values, count } = this.#openSpans.getBatch(this.#openSpans.maxEntries);
    const keyView = new DataView(keys.buffer, keys.byteOffset, keys.byteLength);
    const view = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    return Array.from({ length: count }, (_, i) => {
      const { tgid, processStartNs } = readSpanKey(keyView, i * SPAN_KEY_SIZE);
      return {
        slot: view.readUInt32LE(i * this.#openSpans.valueSize),
        process: { pid: tgid, startNs: processStartNs },
      };
    });
  }

  /** The program itself checks that the span is that process's and so old. */
  #end(slot: number, flags: number, process: number | bigint, ageNs: bigint): number {
    return run(this.#programs.span, slot, flags, process, ageNs);
  }
}
