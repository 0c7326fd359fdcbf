/** When processes started, for who looks at all of a host's again and again. */
import { statSync } from 'node:fs';
import { processStart } from './processes.js';

interface Seen {
  /** Of /proc/PID: given out anew for each process; the kernel may give another when it is short of memory. */
  readonly inode: number;
  readonly startNs: bigint;
  round: number;
}

/** Reads /proc/PID/stat once for each process: its inode says whether it is the same, at a fifth of the cost. */
export class ProcessStarts {
  readonly #seen = new Map<number, Seen>();
  #round = 0;

  /** Before each look at all processes: forgets those that were not asked for in the one before. */
  beginRound(): void {
    for (const [pid, { round }] of this.#seen) if (round < this.#round) this.#seen.delete(pid);
    this.#round++;
  }

  /** As processStart(). */
  of(pid: number): bigint | undefined {
    const inode = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.ino;
    if (inode === undefined) return undefined;
    const known = this.#seen.get(pid);
    if (known?.inode === inode) {
      known.round = this.#round;
      return known.startNs;
    }
    const startNs = processStart(pid);
    if (startNs !== undefined) this.#seen.set(pid, { inode, startNs, round: this.#round });
    return startNs;
  }
}
