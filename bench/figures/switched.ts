/**
 * The agent's own part of figure A: a process of the service under steady load, in which the agent is switched on and
 * off every fraction of a second; and programs that do nothing, which no tool on these tracepoints is spared. Two neighbouring slices share the process, the machine's mood and its neighbours, so that a
 * percent can be told, which rounds with processes of their own cannot.
 */
import { Agent as Connections, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../test/helpers/compile.js';
import { BenchAgent } from '../agent.js';
import { EmptyPrograms } from '../empty.js';
import { median, rounded } from '../statistics.js';
import { CONNECTIONS } from './load.js';
import type { Capture, ProgramCount, Switched, SwitchedSamples } from './measured.js';
import { programTimes, type ProgramTime } from './program-times.js';
import { ShopService } from './service.js';

/** What the agent costs differs from process to process, so that pairs of one are no independent samples. */
const PROCESSES = 12;
const SLICE_MS = 400;
/** After a switch: what was under way has been answered, and threads have told anew what they work for. */
const SETTLE_MS = 60;
const WARM_UP_MS = 3_000;
/**
 * An export of the SDK's usual 512 spans takes a good part of a slice, and a slice has one or two of them: that alone would make neighbours
 * differ by a tenth.
 */
const SMALL_EXPORTS = { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '64' };
/** After the pairs, with the programs on: as long does the kernel count their time. */
const COUNTED_MS = 2_000;
/** Requests of a slice, less than which it says nothing. */
const FEWEST = 20;

/** Requests one after the other on each connection. */
class ClosedLoop {
  readonly #connections = new Connections({ keepAlive: true, maxSockets: CONNECTIONS });
  readonly #loops: Promise<void>[];
  #stopping = false;
  #number = 0;
  /** Of the requests that were sent and answered since it was emptied, ms. */
  #latencies: number[] = [];
  #since = 0;

  constructor(private readonly port: number) {
    this.#loops = Array.from({ length: CONNECTIONS }, () => this.#loop());
  }

  begin(): void {
    this.#latencies = [];
    this.#since = performance.now();
  }

  get latencies(): readonly number[] {
    return this.#latencies;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#loops);
    this.#connections.destroy();
  }

  async #loop(): Promise<void> {
    while (!this.#stopping) {
      const sent = performance.now();
      await this.#request(++this.#number);
      if (sent >= this.#since) this.#latencies.push(performance.now() - sent);
    }
  }

  #request(number: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const url = `http://127.0.0.1:${this.port}/orders/${number}`;
      get(url, { agent: this.#connections }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${url}: ${response.statusCode}`));
        response.resume().once('end', resolve).once('error', reject);
      }).once('error', reject);
    });
  }
}

/** Programs that can be put on and taken off. */
interface Programs {
  on(): void;
  off(): void;
  stop(): Promise<void>;
}

async function agentPrograms(capture: Capture): Promise<Programs> {
  const agent = new BenchAgent(join(root, 'build', 'libslt.so'), process.geteuid?.() ?? 0, capture);
  try {
    await agent.start();
    await agent.tracepointsAttached();
  } catch (error) {
    await agent.stop();
    throw error;
  }
  return { on: () => agent.allOn(), off: () => agent.allOff(), stop: () => agent.stop() };
}

function emptyPrograms(): Programs {
  const empty = new EmptyPrograms();
  return {
    on: () => {
      empty.off();
      empty.on('empty');
    },
    off: () => empty.off(),
    stop: () => Promise.resolve(empty.close()),
  };
}

/** One sample for each pair of slices, process by process. pairs: in each, an even number. otlpPort: where the SDK's spans go. */
export async function switched(what: Switched, otlpPort: number, pairs: number): Promise<SwitchedSamples> {
  const samples: Samples = {
    processes: PROCESSES,
    off: { p50: [], serviceCpu: [] },
    on: { p50: [], serviceCpu: [] },
    programs: [],
  };
  for (let seed = 0; seed < PROCESSES; seed++) {
    process.stderr.write(`bench: figure A, ${what} switched, process ${seed + 1} of ${PROCESSES}\n`);
    await switchedInOne(what, otlpPort, seed, pairs, samples);
  }
  return samples;
}

interface Slices {
  readonly p50: number[];
  readonly serviceCpu: number[];
}

interface Samples {
  readonly processes: number;
  readonly off: Slices;
  readonly on: Slices;
  readonly programs: Record<string, ProgramCount>[];
}

async function switchedInOne(
  what: Switched,
  otlpPort: number,
  seed: number,
  pairs: number,
  samples: Samples,
): Promise<void> {
  const service = await ShopService.start('preloaded', otlpPort, seed, SMALL_EXPORTS);
  const load = new ClosedLoop(service.port);
  /** Answered meanwhile. */
  const loadFor = async (ms: number): Promise<readonly number[]> => {
    load.begin();
    await sleep(ms);
    const { latencies } = load;
    if (latencies.length < FEWEST) throw new Error(`${latencies.length} requests in ${ms} ms`);
    return latencies;
  };
  const slice = async (): Promise<{ p50: number; serviceCpu: number }> => {
    await sleep(SETTLE_MS);
    const before = service.cpuSeconds();
    const latencies = await loadFor(SLICE_MS);
    const cpu = service.cpuSeconds() - before;
    return { p50: median(latencies), serviceCpu: (cpu / latencies.length) * 1e3 };
  };
  let programs: Programs | undefined;
  try {
    programs = what === 'empty' ? emptyPrograms() : await agentPrograms(what);
    await sleep(WARM_UP_MS);
    for (let pair = 0; pair < pairs; pair++) {
      // On, off; off, on: what drifts hits both alike.
      for (const state of pair % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
        if (state === 'on') programs.on();
        else programs.off();
        const { p50, serviceCpu } = await slice();
        samples[state].p50.push(rounded(p50));
        samples[state].serviceCpu.push(rounded(serviceCpu));
      }
    }
    programs.on();
    let requests = 0;
    const times = await programTimes(async () => void (requests = (await loadFor(COUNTED_MS)).length));
    const perRequest = ({ runs, nanoseconds }: ProgramTime): ProgramCount => ({
      runs: rounded(runs / requests),
      microseconds: rounded(nanoseconds / 1e3 / requests),
    });
    samples.programs.push(Object.fromEntries([...times].map(([name, time]) => [name, perRequest(time)])));
  } finally {
    await load.stop();
    await programs?.stop();
    await service.stop();
  }
}
