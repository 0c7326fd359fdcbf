/** The back end which plays a recording again: the same batches in the same order, as fast as they are taken. */
import type { Backend, BackendListener, Counters } from './backend.js';
import type { RecordedEntry } from './recording.js';

export class ReplayBackend implements Backend {
  readonly name = 'replay';
  #batches = 0n;

  constructor(private readonly entries: readonly RecordedEntry[]) {}

  /** Everything has been delivered when it resolves. */
  async start(listener: BackendListener): Promise<void> {
    for (const entry of this.entries) {
      if (entry.kind !== 'batch') continue;
      this.#batches++;
      listener.batch(entry.bytes);
      // Exporters get their turn between batches.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** What was slow was decided when it was recorded. */
  reload(): void {}

  setThreshold(): boolean {
    return false;
  }

  setRuntimeWords(): void {}

  setCapture(): void {}

  counters(): Counters {
    return new Map([['batches', this.#batches]]);
  }

  async stop(): Promise<void> {}
}
