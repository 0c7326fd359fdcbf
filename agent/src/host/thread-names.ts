/** Names of threads, for who asks for the same ones thousands of times a second. */
import { threadName } from './processes.js';

/** A thread may take another name: no more than this old are those that are given out. */
const READ_AGAIN_MS = 1_000;
const MOST_KEPT = 4096;

interface Read {
  readonly pid: number;
  /** undefined: it had gone. */
  readonly name: string | undefined;
  readonly atMs: number;
}

export class ThreadNames {
  /** By tid, which no other process has at the same time. */
  readonly #read = new Map<number, Read>();

  /** now: milliseconds of a clock that does not go back. */
  constructor(
    private readonly read = threadName,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** As threadName(). */
  of(pid: number, tid: number): string | undefined {
    const nowMs = this.now();
    const known = this.#read.get(tid);
    if (known?.pid === pid && nowMs - known.atMs < READ_AGAIN_MS) return known.name;
    const name = this.read(pid, tid);
    if (known === undefined && this.#read.size >= MOST_KEPT) this.#read.clear();
    this.#read.set(tid, { pid, name, atMs: nowMs });
    return name;
  }

  /** A process has begun, or has replaced its program: what another of this number was called is no name of its own. */
  forget(pid: number): void {
    for (const [tid, read] of this.#read) if (read.pid === pid) this.#read.delete(tid);
  }
}
