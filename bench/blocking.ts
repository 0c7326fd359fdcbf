/** `blocking`: a system call that does not wait, while waits are captured and no system call is traced. */
import { interleave } from './rounds.js';
import { ratioRow, type Row } from './row.js';
import type { Stage } from './stage.js';
import { TrackedProcess } from './tracked-process.js';
import { CALLS } from './tracked.js';
import { Workload } from './workload.js';

export async function blocking(stage: Stage): Promise<Row[]> {
  const tracked = new TrackedProcess(stage, 'blocking', 'blocking');
  const untracked = new Workload(stage);
  try {
    await tracked.start();
    const inSpan = () => tracked.workload.nanoseconds('span-calls', CALLS);
    const ofAnother = () => untracked.nanoseconds('calls', CALLS);
    const samples = await interleave({
      tracked: { measure: tracked.withAgent(inSpan) },
      trackedNone: { measure: inSpan },
      untracked: { measure: tracked.withAgent(ofAnother) },
      untrackedNone: { measure: ofAnother },
    });
    const row = { bench: 'blocking', unit: 'ns', budget: 1.02 };
    return [
      ratioRow({ ...row, case: 'tracked/no_agent' }, samples.tracked, samples.trackedNone),
      ratioRow({ ...row, case: 'untracked/no_agent' }, samples.untracked, samples.untrackedNone),
    ];
  } finally {
    await tracked.stop();
    await untracked.stop();
  }
}
