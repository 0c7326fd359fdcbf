/** A byte from one untracked process to another and back on one CPU, while a third process is tracked: two context switches. */
import { interleave } from './rounds.js';
import type { Stage } from './stage.js';
import { TrackedProcess } from './tracked-process.js';
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
  const tracked = new TrackedProcess(stage, 'switch', 'blocking');
  const measured = new Workload(stage);
  try {
    await tracked.start();
    const trip = () => measured.nanoseconds('round-trips', roundTrips);
    return await interleave(
      {
        switchAlone: { measure: tracked.withAgent(trip, 'sched_switch') },
        all: { measure: tracked.withAgent(trip) },
        none: { measure: trip },
      },
      rounds,
    );
  } finally {
    await measured.stop();
    await tracked.stop();
  }
}
