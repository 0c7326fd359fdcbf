/** Figure A: a real service under load, untraced, with the OpenTelemetry SDK, and with the SDK and us. */
import type { Conversation } from '../conversation.js';
import type { ReceivedCounts } from '../otlp-receiver.js';
import { RunningAgent } from '../running-agent.js';
import type { Stage } from '../stage.js';
import { rounded } from '../statistics.js';
import { Distribution } from './distribution.js';
import { CONNECTIONS, load, type LoadResult } from './load.js';
import {
  byVariant,
  VARIANTS,
  type AgentAccount,
  type Capture,
  type FigureA,
  type Measured,
  type ServiceSamples,
  type Variant,
} from './measured.js';
import { ShopService, type Instrumentation } from './service.js';
import { switched } from './switched.js';

export interface ScheduleA {
  readonly rounds: number;
  readonly seconds: number;
  /** Pairs of slices, with the agent and without it, in each process. */
  readonly pairs: number;
}

/** Before each measurement: caches and connections, and the agent finds the process and sees its first spans. */
const WARM_UP_SECONDS = 1;
/** New processes after so many rounds: what one has luck with, such as where its memory lies, must not decide. */
const GENERATION = 3;

const INSTRUMENTATION: Readonly<Record<Variant, Instrumentation>> = {
  untraced: 'untraced',
  sdk: 'sdk',
  // One process for both captures: they differ in nothing else.
  blocking: 'preloaded',
  all: 'preloaded',
};

export async function figureA(
  stage: Stage,
  receiver: Conversation,
  { rounds, seconds, pairs }: ScheduleA,
  measured: Measured,
): Promise<FigureA> {
  const port = Number(await receiver.ask('port'));
  const results = byVariant((): LoadResult[] => []);
  const accounts: Record<Capture, AgentAccount[]> = { blocking: [], all: [] };
  for (let round = 0; round < rounds;) {
    const services = await startServices(port, round);
    const measure = async (variant: Variant): Promise<void> => {
      const service = services[INSTRUMENTATION[variant]];
      if (variant === 'untraced' || variant === 'sdk') {
        results[variant].push(await warmAndLoad(service, seconds));
        return;
      }
      const { account, result } = await withAgent(stage, variant, port, () => warmAndLoad(service, seconds));
      results[variant].push(result);
      accounts[variant].push(account);
    };
    try {
      for (let i = 0; i < GENERATION && round < rounds; i++, round++) {
        process.stderr.write(`bench: figure A, round ${round + 1} of ${rounds}\n`);
        for (let turn = 0; turn < VARIANTS.length; turn++) {
          const variant = VARIANTS[(turn + round) % VARIANTS.length];
          if (variant !== undefined) await measure(variant);
        }
      }
    } finally {
      await Promise.all(Object.values(services).map((service) => service.stop()));
    }
  }
  const switchedBy = {
    blocking: await switched('blocking', port, pairs),
    all: await switched('all', port, pairs),
    empty: await switched('empty', port, pairs),
  };
  await checkExported(receiver);
  return {
    ...measured,
    seconds,
    connections: CONNECTIONS,
    variants: byVariant((variant) => samplesOf(results[variant])),
    switched: switchedBy,
    agent: { blocking: total(accounts.blocking), all: total(accounts.all) },
  };
}

async function startServices(port: number, seed: number): Promise<Record<Instrumentation, ShopService>> {
  const start = (instrumentation: Instrumentation) => ShopService.start(instrumentation, port, seed);
  // One after the other: all of them start on one CPU.
  const untraced = await start('untraced');
  const sdk = await start('sdk');
  return { untraced, sdk, preloaded: await start('preloaded') };
}

async function warmAndLoad(service: ShopService, seconds: number): Promise<LoadResult> {
  await load(service, WARM_UP_SECONDS);
  return load(service, seconds);
}

/** The agent as it comes, but that it follows only this user's processes, and exports to our receiver. */
async function withAgent(
  stage: Stage,
  capture: Capture,
  port: number,
  measure: () => Promise<LoadResult>,
): Promise<{ result: LoadResult; account: AgentAccount }> {
  const agent = await RunningAgent.start(stage, {
    config: [`capture: ${capture}`],
    uid: process.geteuid?.() ?? 0,
    args: ['--export', 'otlp', '--otlp-endpoint', `http://127.0.0.1:${port}`],
  });
  try {
    const result = await measure();
    const { annotated, dropped, kernel } = await agent.stop();
    const spans = kernel['spans_started'] ?? 0;
    // Each request is at least one span. Less: the figure would be one of an agent that does nothing.
    if (spans < result.requests)
      throw new Error(`the agent followed ${spans} spans of ${result.requests} requests`);
    return { result, account: { annotated, spans, dropped } };
  } finally {
    await agent.kill();
  }
}

async function checkExported(receiver: Conversation): Promise<void> {
  const { calls } = JSON.parse(await receiver.ask('counts')) as ReceivedCounts;
  if (calls === 0) throw new Error('no span of the SDK arrived: the service was not traced');
}

function samplesOf(results: readonly LoadResult[]): ServiceSamples {
  const of = (figure: (result: LoadResult) => number): number[] => results.map(figure).map(rounded);
  return {
    throughput: of(({ requests, seconds }) => requests / seconds),
    p50: of(({ p50 }) => p50),
    p99: of(({ p99 }) => p99),
    p999: of(({ p999 }) => p999),
    cpu: of(({ requests, cpuSeconds }) => (cpuSeconds / requests) * 1e3),
    serviceCpu: of(({ requests, serviceCpuSeconds }) => (serviceCpuSeconds / requests) * 1e3),
    disturbed: of(({ disturbed }) => disturbed),
    requests: results.reduce((sum, { requests }) => sum + requests, 0),
    pooled: new Distribution(results.flatMap(({ distribution }) => distribution)).curve(),
  };
}

function total(accounts: readonly AgentAccount[]): AgentAccount {
  const dropped: Record<string, number> = {};
  for (const account of accounts) {
    for (const [reason, count] of Object.entries(account.dropped))
      dropped[reason] = (dropped[reason] ?? 0) + count;
  }
  const sum = (of: (account: AgentAccount) => number): number =>
    accounts.reduce((all, each) => all + of(each), 0);
  return { annotated: sum((each) => each.annotated), spans: sum((each) => each.spans), dropped };
}
