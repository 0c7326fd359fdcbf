/** An agent, and a process that it tracks. Its tracepoints are attached only while something is measured with them. */
import { BenchAgent, type Capture } from './agent.js';
import type { Stage } from './stage.js';
import { Workload } from './workload.js';

type Measurement = () => Promise<number>;

export class TrackedProcess {
  readonly workload: Workload;
  readonly #agent: BenchAgent;
  readonly #libslt: string;

  /** name: of its own copy of libslt. */
  constructor(stage: Stage, name: string, capture: Capture = 'all') {
    this.#libslt = stage.libslt(name);
    this.#agent = new BenchAgent(this.#libslt, stage.uid, capture);
    this.workload = new Workload(stage);
  }

  async start(): Promise<void> {
    await this.#agent.start();
    await this.workload.ask(`load ${this.#libslt}`);
    await this.workload.nanoseconds('spans', 1);
    await this.#agent.tracepointsAttached();
    this.#agent.off();
  }

  /** `measure` with the agent's tracepoints attached, or `only` that of this name. */
  withAgent(measure: Measurement, only?: string): Measurement {
    return async () => {
      this.#agent.on(only);
      try {
        return await measure();
      } finally {
        this.#agent.off();
      }
    };
  }

  async stop(): Promise<void> {
    try {
      await this.workload.stop();
    } finally {
      await this.#agent.stop();
    }
  }
}
