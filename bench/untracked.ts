/** `untracked`: a system call of a process that takes no part. */
import { BenchAgent } from './agent.js';
import { EmptyPrograms } from './empty.js';
import { interleave } from './rounds.js';
import { ratioRow, type Row } from './row.js';
import type { Stage } from './stage.js';
import { CALLS } from './tracked.js';
import { Workload } from './workload.js';

export async function untracked(stage: Stage): Promise<Row[]> {
  return [...(await whileAnotherIsTracked(stage)), await whileNoneIsTracked(stage)];
}

async function whileAnotherIsTracked(stage: Stage): Promise<Row[]> {
  const libslt = stage.libslt('untracked');
  const agent = new BenchAgent(stage, libslt);
  const empty = new EmptyPrograms();
  const measured = new Workload(stage);
  const tracked = new Workload(stage);
  try {
    await agent.start();
    await tracked.ask(`load ${libslt}`);
    await tracked.nanoseconds('spans', 1);
    await agent.tracepointsAttached();
    agent.off();
    const call = () => measured.nanoseconds('calls', CALLS);
    const samples = await interleave({
      agent: {
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
    await agent.stop();
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
          const agent = new BenchAgent(stage, libslt);
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
