/**
 * Tracepoints are attached while at least one process needs them, and no longer:
 * an attached one costs every task of the host.
 */
import type { BpfLink, BpfObject } from '../../native.js';

export class Tracepoints {
  readonly #links: BpfLink[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** changed is told true after all of them are attached, and false after they are detached. */
  constructor(
    private readonly object: BpfObject,
    private readonly names: readonly string[],
    /** How long they stay after the last process has ceased to need them. */
    private readonly lingerMs: number,
    private readonly changed: (attached: boolean) => void,
  ) {}

  get attached(): boolean {
    return this.#links.length > 0;
  }

  /** needed: the number of processes that need them now. */
  update(needed: number): void {
    if (needed > 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      if (!this.attached) this.#attach();
    } else if (this.attached && this.#timer === undefined) {
      this.#timer = setTimeout(() => this.detach(), this.lingerMs).unref();
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
