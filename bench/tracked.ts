/** `tracked`: a system call that is recorded, inside a span. */
import { EmptyPrograms } from './empty.js';
import { interleave } from './rounds.js';
import { ratioRow, type Row } from './row.js';
import type { Stage } from './stage.js';
import { TrackedProcess } from './tracked-process.js';

/** getppid in one round of one variant: some 10 ms. */
export const CALLS = 40_000;

export async function tracked(stage: Stage): Promise<Row[]> {
  const process = new TrackedProcess(stage, 'tracked');
  const empty = new EmptyPrograms();
  try {
    await process.start();
    const call = () => process.workload.nanoseconds('span-calls', CALLS);
    const samples = await interleave({
      recorded: { measure: process.withAgent(call) },
      empty: { measure: empty.with('empty', call) },
      clock: { measure: empty.with('clock', call) },
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
    await process.stop();
    empty.close();
  }
}
