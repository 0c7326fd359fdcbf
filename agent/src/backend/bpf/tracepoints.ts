/**
 * The tracepoints are attached while at least one process is tracked, and no
 * longer: an attached system-call tracepoint costs every task of the host.
 */
import type { BpfLink, BpfObject } from '../../native.js';

/** How long after the last tracked process has gone. */
const LINGER_MS = 10_000;

export class Tracepoints {
  readonly #links: BpfLink[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** changed is told true after all of them are attached, and false after they are detached. */
  constructor(
    private readonly object: BpfObject,
    private readonly names: readonly string[],
    private readonly changed: (attached: boolean) => void,
  ) {}

  get attached(): boolean {
    return this.#links.length > 0;
  }

  /** tracked: the number of processes that are tracked now. */
  update(tracked: number): void {
    if (tracked > 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      if (!this.attached) this.#attach();
    } else if (this.attached && this.#timer === undefined) {
      this.#timer = setTimeout(() => this.detach(), LINGER_MS).unref();
    }
  }

  detach(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.attached) return;
    for (const link of this.#links.splice(0)) link.detach();
    this.changed(false);
  }

  #attach(): void {
    try {
      for (const name of this.names) this.#links.push(this.object.program(name).attach());
    } catch (error) {
      for (const link of this.#links.splice(0)) link.detach();
      throw error;
    }
    this.changed(true);
  }
}
