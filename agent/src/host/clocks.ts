/** Unix time for points of CLOCK_MONOTONIC, in which the kernel side counts. */
import type { SystemCalls } from '../native.js';

const READ_AGAIN_MS = 1_000;

/** The two clocks drift apart when the time is corrected: they are read again every second, and a step is followed. */
export class UnixClock {
  #offsetNs = 0n;
  readonly #timer: NodeJS.Timeout;

  constructor(private readonly calls: Pick<SystemCalls, 'clocks'>) {
    this.#read();
    this.#timer = setInterval(() => this.#read(), READ_AGAIN_MS).unref();
  }

  /** Unix time − CLOCK_MONOTONIC. */
  get offsetNs(): bigint {
    return this.#offsetNs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #read(): void {
    const { monotonicNs, realtimeNs } = this.calls.clocks();
    this.#offsetNs = realtimeNs - monotonicNs;
  }
}
