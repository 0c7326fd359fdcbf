/** `drain`: how many records of slow spans the whole agent takes, explains and prints with nothing dropped. */
import { plainRow, type Row } from './row.js';
import { everySpanSlow, RunningAgent, type Load } from './running-agent.js';
import type { Stage } from './stage.js';
import { Workload } from './workload.js';

const STREAM_MS = 2_000;
const FIRST_RATE = 1_000;
const HIGHEST_RATE = 256_000;
/** The rate is found to within 2 ^ (1 / 4). */
const BISECTIONS = 2;
/** At the rate that was found, for CPU time and memory. */
const RUNS = 3;

export async function drain(stage: Stage): Promise<Row[]> {
  // A name that the agent looks for in /proc: it is told nothing of the bench.
  const libslt = stage.libslt('libslt-drain');
  const workload = new Workload(stage);
  try {
    await workload.ask(`load ${libslt}`);
    const rate = await highestRate(stage, workload);
    const loads: Load[] = [];
    for (let run = 0; run < RUNS; run++) loads.push(await stream(stage, workload, rate));
    const row = { bench: 'drain' };
    const of = (figure: (load: Load) => number): number[] => loads.map(figure);
    return [
      plainRow(
        { ...row, case: 'records_per_second', unit: '1/s' },
        of(({ records, seconds }) => records / seconds),
      ),
      plainRow(
        { ...row, case: 'spans_per_second', unit: '1/s' },
        of(({ spans, seconds }) => spans / seconds),
      ),
      plainRow(
        { ...row, case: 'cpu_per_million_records', unit: 's' },
        of(({ records, cpu }) => (cpu / records) * 1e6),
      ),
      plainRow(
        { ...row, case: 'resident_memory', unit: 'MiB' },
        of(({ residentKiB }) => residentKiB / 1024),
      ),
      plainRow(
        { ...row, case: 'resident_memory_idle', unit: 'MiB' },
        of(({ idleKiB }) => idleKiB / 1024),
      ),
    ];
  } finally {
    await workload.stop();
  }
}

/** Spans a second: doubles until something is dropped, then halves the step, on a scale of powers of two. */
async function highestRate(stage: Stage, workload: Workload): Promise<number> {
  let rate = FIRST_RATE;
  for (; rate <= HIGHEST_RATE; rate *= 2) {
    if (!(await isTaken(stage, workload, rate))) break;
  }
  if (rate === FIRST_RATE) throw new Error(`the agent does not even take ${FIRST_RATE} spans a second`);
  rate /= 2;
  for (let step = Math.SQRT2, i = 0; i < BISECTIONS; i++, step = Math.sqrt(step)) {
    if (await isTaken(stage, workload, Math.round(rate * step))) rate = Math.round(rate * step);
  }
  return rate;
}

async function isTaken(stage: Stage, workload: Workload, rate: number): Promise<boolean> {
  const { lost, behindMs } = await stream(stage, workload, rate);
  if (lost.length > 0)
    process.stderr.write(`bench: at ${rate} spans/s the first to give: ${lost.join(', ')}\n`);
  if (behindMs > 50) process.stderr.write(`bench: the workload itself makes no ${rate} spans/s\n`);
  return lost.length === 0 && behindMs <= 50;
}

async function stream(stage: Stage, workload: Workload, rate: number): Promise<Load> {
  const agent = await RunningAgent.start(stage, { config: everySpanSlow, args: ['--json'] });
  try {
    const [spans = NaN, behindNs = NaN] = (await workload.ask(`stream ${rate} ${STREAM_MS}`))
      .split(' ')
      .map(Number);
    return await agent.finish({ spans, seconds: STREAM_MS / 1e3, behindMs: behindNs / 1e6 });
  } finally {
    await agent.kill();
  }
}
