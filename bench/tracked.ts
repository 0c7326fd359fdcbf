/** `tracked`: a system call that is recorded, inside a span. */
import { BenchAgent } from './agent.js';
import { EmptyPrograms } from './empty.js';
import { interleave } from './rounds.js';
import { ratioRow, type Row } from './row.js';
import type { Stage } from './stage.js';
import { Workload } from './workload.js';

/** getppid in one round of one variant: some 10 ms. */
export const CALLS = 40_000;

export async function tracked(stage: Stage): Promise<Row[]> {
  const libslt = stage.libslt('tracked');
  const agent = new BenchAgent(stage, libslt);
  const empty = new EmptyPrograms();
  const workload = new Workload(stage);
  try {
    await agent.start();
    await workload.ask(`load ${libslt}`);
    await workload.nanoseconds('spans', 1);
    await agent.tracepointsAttached();
    agent.off();
    const call = () => workload.nanoseconds('span-calls', CALLS);
    const samples = await interleave({
      recorded: {
        measure: async () => {
          agent.on();
          const each = await call();
          agent.off();
          return each;
        },
      },
      empty: {
        measure: async () => {
          empty.on('empty');
          const each = await call();
          empty.off();
          return each;
        },
      },
      clock: {
        measure: async () => {
          empty.on('clock');
          const each = await call();
          empty.off();
          return each;
        },
      },
      none: { measure: call },
    });
    const row = { bench: 'tracked', unit: 'ns' };
    return [
      ratioRow(
        { ...row, case: 'recorded_call/empty_programs', budget: 1.35 },
        samples.recorded,
        samples.empty,
      ),
      ratioRow({ ...row, case: 'recorded_call/two_clock_reads' }, samples.recorded, samples.clock),
      ratioRow({ ...row, case: 'two_clock_reads/empty_programs' }, samples.clock, samples.empty),
      ratioRow({ ...row, case: 'recorded_call/no_agent' }, samples.recorded, samples.none),
    ];
  } finally {
    await workload.stop();
    await agent.stop();
    empty.close();
  }
}
