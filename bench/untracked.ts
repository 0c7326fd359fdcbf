/** `untracked`: a system call of a process that takes no part. */
import { BenchAgent } from './agent.js';
import { EmptyPrograms } from './empty.js';
import { interleave } from './rounds.js';
import { ratioRow, type Row } from './row.js';
import type { Stage } from './stage.js';
import { TrackedProcess } from './tracked-process.js';
import { CALLS } from './tracked.js';
import { Workload } from './workload.js';

export async function untracked(stage: Stage): Promise<Row[]> {
  return [...(await whileAnotherIsTracked(stage)), await whileNoneIsTracked(stage)];
}

async function whileAnotherIsTracked(stage: Stage): Promise<Row[]> {
  const tracked = new TrackedProcess(stage, 'untracked');
  const empty = new EmptyPrograms();
  const measured = new Workload(stage);
  try {
    await tracked.start();
    const call = () => measured.nanoseconds('calls', CALLS);
    const samples = await interleave({
      agent: { measure: tracked.withAgent(call) },
      empty: { measure: empty.with('empty', call) },
      none: { measure: call },
    });
    const row = { bench: 'untracked', unit: 'ns' };
    return [
      ratioRow(
        { ...row, case: 'another_tracked/empty_programs', budget: 1.03 },
        samples.agent,
        samples.empty,
      ),
      ratioRow({ ...row, case: 'another_tracked/no_agent' }, samples.agent, samples.none),
    ];
  } finally {
    await measured.stop();
    await tracked.stop();
    empty.close();
  }
}

/** A fresh agent each time: one that has tracked a process keeps its tracepoints for ten seconds more. */
async function whileNoneIsTracked(stage: Stage): Promise<Row> {
  const libslt = stage.libslt('none-tracked');
  const measured = new Workload(stage);
  const call = () => measured.nanoseconds('calls', CALLS);
  try {
    const samples = await interleave({
      agent: {
        measure: async () => {
          const agent = new BenchAgent(libslt, stage.uid);
          await agent.start();
          try {
            const each = await call();
            if (agent.attached > 0) throw new Error('the agent tracks a process that is not ours');
            return each;
          } finally {
            await agent.stop();
          }
        },
      },
      none: { measure: call },
    });
    const row = { bench: 'untracked', case: 'none_tracked/no_agent', unit: 'ns', budget: 1.02 };
    return ratioRow(row, samples.agent, samples.none);
  } finally {
    await measured.stop();
  }
}
