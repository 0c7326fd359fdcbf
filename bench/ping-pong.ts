/** A byte from one untracked process to another and back on one CPU, while a third process is tracked: two context switches. */
import { BenchAgent } from './agent.js';
import { interleave } from './rounds.js';
import type { Stage } from './stage.js';
import { Workload } from './workload.js';

export interface PingPong {
  readonly rounds: number;
  /** In one round of one variant. */
  readonly roundTrips: number;
}

/** Nanoseconds of a round trip, by round. */
export interface PingPongSamples {
  /** With the agent's sched_switch attached. */
  readonly switchAlone: readonly number[];
  /** With all that it attaches in `blocking`: sched_switch, sched_wakeup, and exit and exec of processes. */
  readonly all: readonly number[];
  readonly none: readonly number[];
}

export async function pingPong(stage: Stage, { rounds, roundTrips }: PingPong): Promise<PingPongSamples> {
  const libslt = stage.libslt('switch');
  const agent = new BenchAgent(stage, libslt, 'blocking');
  const tracked = new Workload(stage);
  const measured = new Workload(stage);
  try {
    await agent.start();
    await tracked.ask(`load ${libslt}`);
    await tracked.nanoseconds('spans', 1);
    await agent.tracepointsAttached();
    agent.off();
    const trip = () => measured.nanoseconds('round-trips', roundTrips);
    const withAgent = async (only?: string): Promise<number> => {
      agent.on(only);
      const each = await trip();
      agent.off();
      return each;
    };
    return await interleave(
      {
        switchAlone: { measure: () => withAgent('sched_switch') },
        all: { measure: () => withAgent() },
        none: { measure: trip },
      },
      rounds,
    );
  } finally {
    await measured.stop();
    await tracked.stop();
    await agent.stop();
  }
}
