/**
 * The one interface of everything that produces records: the BPF programs, the
 * kernel modules (to come), and a recording that is played again.
 */
import type { Config } from '../../../schemas/config/schema.js';
import type { ProcessKey } from '../spans/evidence.js';

/** Where a language runtime keeps its own futex words in a process's memory; high is exclusive. */
export interface RuntimeWords {
  readonly low: bigint;
  readonly high: bigint;
}

/** The threshold for spans of one process, provider and name. */
export interface OperationThreshold {
  readonly process: ProcessKey;
  readonly resource: number;
  readonly name: string;
  readonly thresholdNs: bigint;
  /** For spans that started before the latest reload. */
  readonly thresholdBeforeNs: bigint;
}

/** What the back end counts, by name: see enum slt_counter. Names that start with `drop.` are reasons for something left out. */
export type Counters = ReadonlyMap<string, bigint>;

/** What is recorded of the system calls of a process. escalated: all of them for a while, because it was slow. */
export interface ProcessCapture {
  readonly mode: 'all' | 'blocking';
  readonly escalated: boolean;
}

export interface BackendListener {
  /** A batch of records in the framing of wire/decode.ts. The memory is the listener's. */
  batch(bytes: Uint8Array): void;
  /** Something that the user should know: it could not do all that was asked. */
  warning(message: string): void;
}

export interface Backend {
  readonly name: 'bpf' | 'kmod' | 'replay';
  /** Loads, attaches and begins to deliver. Throws a BackendError when the machine cannot do it. */
  start(listener: BackendListener): Promise<void>;
  /** New rules: for spans that start from now on. Throws, with nothing changed, where they cannot be had here. */
  reload(config: Config): void;
  /** A threshold for a name that the kernel side had no rule for. False: not kept, for the process has gone or there is no room. */
  setThreshold(operation: OperationThreshold): boolean;
  setRuntimeWords(process: ProcessKey, words: RuntimeWords): void;
  /** From now on; a span that is open then is marked. Until it is told, a process has the capture of the configuration. */
  setCapture(process: ProcessKey, capture: ProcessCapture): void;
  counters(): Counters;
  /** Detaches, delivers what is left, and frees everything. Idempotent. */
  stop(): Promise<void>;
}

/** The machine cannot do what the back end needs (exit status 3). */
export class BackendError extends Error {
  override readonly name = 'BackendError';

  /** remedy: what the user can do, one sentence. */
  constructor(
    readonly code: string,
    message: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${message} ${remedy}`, options);
  }
}
