/** `storm`: slow spans with ten recorded calls each, from the kernel to an OTLP receiver that acknowledges them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { root } from '../test/helpers/compile.js';
import { Conversation } from './conversation.js';
import type { ReceivedCounts } from './otlp-receiver.js';
import { plainRow, ratioRow, type Row } from './row.js';
import { everySpanSlow, RunningAgent } from './running-agent.js';
import type { Stage } from './stage.js';
import { MEASURED_CPU, Workload } from './workload.js';

/** Slow spans a second, and for how long. */
const RATE = 3_500;
const STORM_MS = 5_000;
const CALLS_OF_SPAN = 10;
const RUNS = 3;
/** The exporter gathers for half a second, and its last request has to be answered. */
const PATIENCE_MS = 5_000;
/** After the first spans: by then they have left. */
const HEARD_MS = 1_500;

interface Storm {
  readonly spans: number;
  readonly lost: number;
  readonly cpuPerSpanUs: number;
  readonly residentKiB: number;
}

export async function storm(stage: Stage): Promise<Row[]> {
  const libslt = stage.libslt('libslt-storm');
  const workload = new Workload(stage);
  // Beside the load, on the CPU that the agent does not use.
  const receiver = new Conversation(
    'taskset',
    ['-c', String(MEASURED_CPU), process.execPath, join(root, 'dist', 'bench', 'otlp-receiver.js')],
    {},
  );
  try {
    await workload.ask(`load ${libslt}`);
    const port = Number(await receiver.ask('port'));
    const rows: Row[] = [];
    for (const protocol of ['http/protobuf', 'http/json'] as const) {
      const storms: Storm[] = [];
      for (let run = 0; run < RUNS; run++)
        storms.push(await once(stage, { workload, receiver, port, protocol }));
      rows.push(...rowsOf(protocol.replace('http/', ''), storms));
    }
    return rows;
  } finally {
    await workload.stop();
    await receiver.stop();
  }
}

function rowsOf(encoding: string, storms: readonly Storm[]): Row[] {
  const row = { bench: 'storm' };
  const lost = plainRow(
    { ...row, case: `${encoding}/spans_lost`, unit: 'spans' },
    storms.map((storm) => storm.lost),
  );
  return [
    { ...lost, budget: 0, ok: storms.every((storm) => storm.lost === 0) },
    ratioRow(
      { ...row, case: `${encoding}/cpu_per_span`, unit: 'µs', budget: 1 },
      storms.map((storm) => storm.cpuPerSpanUs),
      storms.map(() => 1e6 / RATE),
    ),
    plainRow(
      { ...row, case: `${encoding}/resident_memory`, unit: 'MiB' },
      storms.map((storm) => storm.residentKiB / 1024),
    ),
  ];
}

interface Setup {
  readonly workload: Workload;
  readonly receiver: Conversation;
  readonly port: number;
  readonly protocol: string;
}

async function countsOf(receiver: Conversation): Promise<ReceivedCounts> {
  return JSON.parse(await receiver.ask('counts')) as ReceivedCounts;
}

/** Spans made, and milliseconds behind schedule at the end. */
async function stream(workload: Workload, rate: number, ms: number): Promise<[number, number]> {
  const [spans = NaN, behindNs = NaN] = (await workload.ask(`stream ${rate} ${ms}`)).split(' ').map(Number);
  return [spans, behindNs / 1e6];
}

async function once(stage: Stage, { workload, receiver, port, protocol }: Setup): Promise<Storm> {
  const agent = await RunningAgent.start(stage, {
    config: [
      ...everySpanSlow,
      `export: { to: otlp, otlp: { endpoint: "http://127.0.0.1:${port}", protocol: ${protocol} } }`,
    ],
  });
  try {
    // Until the agent has heard of the process its tracepoints are not attached, and no call is recorded.
    const [heard] = await stream(workload, 100, 200);
    await sleep(HEARD_MS);
    const before = await countsOf(receiver);
    const [spans, behindMs] = await stream(workload, RATE, STORM_MS);
    const residentKiB = agent.residentKiB();
    const arrived = async (): Promise<number> => (await countsOf(receiver)).kernels - before.kernels;
    for (let waited = 0; waited < PATIENCE_MS && (await arrived()) < spans; waited += 50) await sleep(50);
    const { cpu, lost } = await agent.finish({
      spans: heard + spans,
      seconds: STORM_MS / 1e3,
      behindMs,
    });
    const after = await countsOf(receiver);
    const kernels = after.kernels - before.kernels;
    const calls = after.calls - before.calls;
    if (lost.length > 0) process.stderr.write(`bench: at ${RATE} spans/s: ${lost.join(', ')}\n`);
    if (behindMs > 50) process.stderr.write(`bench: the workload itself makes no ${RATE} spans/s\n`);
    if (calls !== kernels * CALLS_OF_SPAN)
      process.stderr.write(
        `bench: ${calls} calls arrived with ${kernels} spans, not ${CALLS_OF_SPAN} each\n`,
      );
    return { spans, lost: spans - kernels, cpuPerSpanUs: (cpu / kernels) * 1e6, residentKiB };
  } finally {
    await agent.kill();
  }
}
