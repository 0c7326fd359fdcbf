/** `blocking`: a system call that does not wait, while waits are captured and no system call is traced. */
import { BenchAgent } from './agent.js';
import { interleave } from './rounds.js';
import { ratioRow, type Row } from './row.js';
import type { Stage } from './stage.js';
import { CALLS } from './tracked.js';
import { Workload } from './workload.js';

export async function blocking(stage: Stage): Promise<Row[]> {
  const libslt = stage.libslt('blocking');
  const agent = new BenchAgent(stage, libslt, 'blocking');
  const tracked = new Workload(stage);
  const untracked = new Workload(stage);
  try {
    await agent.start();
    await tracked.ask(`load ${libslt}`);
    await tracked.nanoseconds('spans', 1);
    await agent.tracepointsAttached();
    agent.off();
    const inSpan = () => tracked.nanoseconds('span-calls', CALLS);
    const ofAnother = () => untracked.nanoseconds('calls', CALLS);
    const withAgent = (call: () => Promise<number>) => async (): Promise<number> => {
      agent.on();
      const each = await call();
      agent.off();
      return each;
    };
    const samples = await interleave({
      tracked: { measure: withAgent(inSpan) },
      trackedNone: { measure: inSpan },
      untracked: { measure: withAgent(ofAnother) },
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
    await agent.stop();
  }
}
