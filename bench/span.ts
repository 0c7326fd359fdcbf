/**
 * `span`: what a fast span costs the thread that makes it: start, two context changes and end; by traps, and by the
 * thread's journal.
 */
import { EmptyPrograms } from './empty.js';
import { interleave } from './rounds.js';
import { ratioRow, type Row } from './row.js';
import type { Stage } from './stage.js';
import { TrackedProcess } from './tracked-process.js';
import { PythonSpans, Workload } from './workload.js';

/** Spans in one round of one variant: some 20 ms. */
const SPANS = 5_000;
const PYTHON_SPANS = 1_000;

export async function span(stage: Stage): Promise<Row[]> {
  const emptyLibslt = stage.libslt('span-empty');
  const empty = new EmptyPrograms();
  const traced = new TrackedProcess(stage, 'span');
  const journaled = new TrackedProcess(stage, 'span-journal', 'blocking');
  const hit = new Workload(stage);
  const python = new PythonSpans();
  try {
    await traced.start();
    await journaled.start();
    empty.probe(emptyLibslt);
    await hit.ask(`load ${emptyLibslt}`);
    const samples = await interleave({
      agent: { measure: traced.withAgent(() => traced.workload.nanoseconds('spans', SPANS)) },
      journal: { measure: journaled.withAgent(() => journaled.workload.nanoseconds('spans', SPANS)) },
      empty: { measure: () => hit.nanoseconds('spans', SPANS) },
      sdk: { measure: () => python.nanoseconds(PYTHON_SPANS) },
    });
    const row = { bench: 'span', unit: 'ns' };
    return [
      ratioRow({ ...row, case: 'fast_span/four_empty_uprobes', budget: 3 }, samples.agent, samples.empty),
      ratioRow({ ...row, case: 'fast_span/python_sdk_span' }, samples.agent, samples.sdk),
      ratioRow(
        { ...row, case: 'journaled_span/four_empty_uprobes', budget: 0.2 },
        samples.journal,
        samples.empty,
      ),
      ratioRow({ ...row, case: 'journaled_span/python_sdk_span' }, samples.journal, samples.sdk),
    ];
  } finally {
    await python.stop();
    await traced.stop();
    await journaled.stop();
    await hit.stop();
    empty.close();
  }
}
