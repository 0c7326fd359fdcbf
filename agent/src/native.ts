/**
 * The one file that loads the addon (agent/native). What it exports is a generic
 * libbpf binding, which knows nothing of spans, and the few system calls that
 * Node does not offer.
 *
 * Errors: each call that fails throws an Error with `code` (an errno name such as
 * `EPERM`, or one of the `ERR_BPF_*` codes), `errno`, `syscall` (what was tried) and a message which
 * names the object. A failed load carries the verifier's log in `log`. ERR_BPF_CLOSED, ERR_BPF_NOT_LOADED, ERR_BPF_LOADED,
 * ERR_BPF_LOAD_FAILED and ERR_BPF_NOT_FOUND come from the addon itself and have no errno. A wrong argument is a TypeError
 * or a RangeError whose message begins with its name.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface NativeError extends Error {
  code: string;
  errno?: number;
  syscall?: string;
  /** The verifier's log, for a program that was not accepted. */
  log?: string;
}

/** How a map was declared. Sizes in bytes. */
export interface MapInfo {
  readonly name: string;
  /** The kernel's number of the type, BPF_MAP_TYPE_*. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

export interface BpfMap extends MapInfo {
  /** The value, or undefined where the key is absent. A per-CPU map gives one value per possible CPU, each rounded up to 8 bytes, back to back. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** flags: BPF_ANY (0), BPF_NOEXIST (1), BPF_EXIST (2). */
  set(key: Uint8Array, value: Uint8Array, flags?: number): void;
  /** False where the key was absent. */
  delete(key: Uint8Array): boolean;
  /** BPF_MAP_TYPE_QUEUE and _STACK. */
  push(value: Uint8Array): void;
  /** All keys that are present, one snapshot; a map that changes meanwhile may miss or repeat some. */
  keys(): Uint8Array[];
  /** The first `count` entries at most, by the batch call, keys and values back to back; falls back to single look-ups where the kernel has no batch call for the type. Fewer than `count` means that there are no more. */
  getBatch(count: number): { keys: Uint8Array; values: Uint8Array; count: number };
  /** Writes `count` entries, keys and values back to back. */
  setBatch(keys: Uint8Array, values: Uint8Array, count: number): void;
  /**
   * The memory of a map made with BPF_F_MMAPABLE, shared with the kernel: values at multiples of their size rounded up to 8.
   * Also .data and .bss; of a frozen map (.rodata), which nobody can change, a copy. Valid also after close().
   */
  mmap(): Uint8Array;
}

/** An attachment. Detached by detach(), by the close() of its object, and by the end of the process or worker; not by garbage collection. */
export interface BpfLink {
  /** Idempotent. */
  detach(): void;
}

export interface UprobeTarget {
  /** The ELF file. */
  path: string;
  /** File offset of the instruction; with `symbol`, its distance from it. */
  offset: number;
  /** A function of .symtab or .dynsym. For attachUprobe only: uprobe.multi links know offsets. */
  symbol?: string;
  /** File offset of the semaphore (a u16), 0: none. */
  refCounterOffset?: number;
  /** -1 (default): every process that maps the file. */
  pid?: number;
}

export interface BpfProgram {
  readonly name: string;
  /** The ELF section, for example `tp_btf/sched_switch`. */
  readonly section: string;
  /** Before load. */
  setAutoload(load: boolean): void;
  /** Attaches as the section says: raw_tp, tp_btf, tp/…, fentry/…. */
  attach(): BpfLink;
  attachRawTracepoint(name: string): BpfLink;
  attachTracepoint(category: string, name: string): BpfLink;
  /** By perf_event_open. */
  attachUprobe(target: UprobeTarget): BpfLink;
  /** By one uprobe.multi link (kernels from 6.6; the program's section must be uprobe.multi, or its expected attach type BPF_TRACE_UPROBE_MULTI set by setUprobeMulti before load). All targets must be in one file. */
  attachUprobeMulti(targets: UprobeTarget[]): BpfLink;
  /** Before load: the program is to be attached by attachUprobeMulti. */
  setUprobeMulti(): void;
  /** Runs the program by BPF_PROG_TEST_RUN with this context; returns its return value. */
  testRun(context?: Uint8Array): number;
  /** What the kernel counts for the program (run_time and run_count only while BPF stats are on). recursionMisses is undefined on kernels that do not count. */
  stats(): { runTimeNs: bigint; runCount: bigint; recursionMisses: bigint | undefined };
}

export interface BpfObject {
  /** Writes a `const volatile` global before load. ERR_BPF_NOT_FOUND when .rodata has no variable of this name, a RangeError when its size differs from the value's. */
  setRodata(variable: string, value: Uint8Array): void;
  /** Before load. */
  setMaxEntries(map: string, entries: number): void;
  /** Before load: whether the map is created at all. */
  setAutocreate(map: string, create: boolean): void;
  /** After a failure the object can only be closed. */
  load(): void;
  /** ERR_BPF_NOT_FOUND when there is none; so map() and variable(). */
  program(name: string): BpfProgram;
  programs(): BpfProgram[];
  /** By its name in the source; globals by section: `.bss`, `.data`, `.rodata`. */
  map(name: string): BpfMap;
  maps(): BpfMap[];
  /** Offset and size in bytes of a global variable in its section's map (for mmap of .bss and .data). */
  variable(name: string): { map: string; offset: number; size: number };
  /** Detaches every link, frees maps and programs. Idempotent. */
  close(): void;
}

export interface DrainOptions {
  /** A batch is handed over when it holds this many bytes (default 256 KiB; a larger record gets a batch of its own) … */
  batchBytes?: number;
  /** … or when its first record is this old, in milliseconds (default 20). */
  batchMs?: number;
  /** Batches that are being filled or wait for JavaScript (default 64); past this many the records are dropped and counted. */
  queuedBatches?: number;
  /** The ring is consumed at least this often, in milliseconds (default 20), also without a wake-up. */
  pollMs?: number;
}

export interface DrainStats {
  /** Records and bytes taken from the ring. */
  records: bigint;
  bytes: bigint;
  /** Records and bytes handed to JavaScript. */
  deliveredRecords: bigint;
  deliveredBytes: bigint;
  /** Records and bytes dropped since JavaScript was behind by queuedBatches. */
  droppedRecords: bigint;
  droppedBytes: bigint;
  /** Of droppedRecords, by the u16 (host order) that a record begins with: 64 counts, for 0 to 63. */
  droppedByTag: bigint[];
}

export interface RingBufferReader {
  /**
   * Stops the thread after it has taken what the ring held at that moment; all of it is handed over before the promise
   * resolves, and records = deliveredRecords + droppedRecords from then on. Until then the event loop is kept alive.
   * Idempotent. The object may be closed before: the ring lives as long as its reader.
   */
  close(): Promise<void>;
  stats(): DrainStats;
}

export type FeatureAnswer = 'yes' | 'no' | 'unknown';

export interface Libbpf {
  /** Version of the libbpf that the addon was linked with, for example "1.1". */
  libbpfVersion(): string;
  open(path: string): BpfObject;
  /**
   * Drains a BPF_MAP_TYPE_RINGBUF on a native thread. onBatch receives records back to back, each as a u32 length in host
   * order, 4 bytes of padding, and its bytes, padded to a multiple of 8. The buffer is the callee's to keep. An exception
   * in onBatch is an uncaught exception.
   */
  drain(
    map: BpfMap,
    onBatch: (batch: Uint8Array, records: number) => void,
    options?: DrainOptions,
  ): RingBufferReader;
  /** Whether the running kernel knows the program type, map type, or helper for a program type (numbers of the kernel's UAPI). */
  probeProgramType(type: number): FeatureAnswer;
  probeMapType(type: number): FeatureAnswer;
  probeHelper(programType: number, helper: number): FeatureAnswer;
  /** Whether uprobe.multi links can be made here: tries one on the addon's own file. */
  probeUprobeMulti(): FeatureAnswer;
  possibleCpus(): number;
  /** Receives libbpf's own messages, level 'warn' | 'info' | 'debug', in this environment; undefined: none. */
  setLog(listener: ((level: string, text: string) => void) | undefined): void;
}

export interface ExecState {
  /** Signals (bit n−1 for signal n) that are ignored and blocked in the new program. */
  ignoredSignals: bigint;
  blockedSignals: bigint;
  /** Soft and hard RLIMIT_NOFILE (Node raises the soft one at its start). Infinity: no limit. */
  openFiles: { soft: number; hard: number };
  /**
   * The descriptors that the new program inherits, default 0, 1 and 2; those that are not open are passed over. Node marks
   * every descriptor that it finds at its start close-on-exec, and opens its own in the gaps: afterwards nobody can tell
   * them apart. So whoever starts Node must list the caller's (/proc/self/fd) before.
   */
  descriptors?: readonly number[];
}

export interface SystemCalls {
  /**
   * execve(2) of this process: never returns on success. Restores `state` first; on failure everything is put back as it
   * was (but a hard limit that was lowered, which takes CAP_SYS_RESOURCE). Every handled signal is at its default in the new program. `path` is not looked up in PATH.
   */
  execve(path: string, argv: string[], env: string[], state: ExecState): never;
  /** prctl(PR_SET_DUMPABLE, 0). */
  setNotDumpable(): void;
  /** CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds, read so close together that their difference is good to `uncertaintyNs`. */
  clocks(): { monotonicNs: bigint; realtimeNs: bigint; uncertaintyNs: bigint };
  /** Effective capabilities of this process: bit n for capability n. */
  effectiveCapabilities(): bigint;
  /** The cgroup v2 id of a directory (name_to_handle_at). */
  cgroupId(path: string): bigint;
}

export interface Native extends Libbpf, SystemCalls {}

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

let loaded: Native | undefined;

/** Loads the addon on first use. SLTAGENT_ADDON names another build of it (the sanitizer tests use this). */
export function native(): Native {
  if (loaded === undefined) {
    const file =
      process.env['SLTAGENT_ADDON'] ?? join(root, 'agent', 'native', 'build', 'Release', 'sltagent.node');
    loaded = createRequire(import.meta.url)(file) as Native;
  }
  return loaded;
}
