/**
 * The agent's own part of figure A: a process of the service under steady load, in which the agent is switched on and
 * off every fraction of a second. Two neighbouring slices share the process, the machine's mood and its neighbours, so that a
 * percent can be told, which rounds with processes of their own cannot.
 */
import { Agent as Connections, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../test/helpers/compile.js';
import { BenchAgent } from '../agent.js';
import { median, rounded } from '../statistics.js';
import { CONNECTIONS } from './load.js';
import type { Capture, SwitchedSamples } from './measured.js';
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

/** One sample for each pair of slices, process by process. pairs: in each, an even number. otlpPort: where the SDK's spans go. */
export async function switched(capture: Capture, otlpPort: number, pairs: number): Promise<SwitchedSamples> {
  const samples = { processes: PROCESSES, off: { p50: [], serviceCpu: [] }, on: { p50: [], serviceCpu: [] } };
  for (let seed = 0; seed < PROCESSES; seed++) {
    process.stderr.write(`bench: figure A, ${capture} switched, process ${seed + 1} of ${PROCESSES}\n`);
    await switchedInOne(capture, otlpPort, seed, pairs, samples);
  }
  return samples;
}

interface Samples {
  readonly p50: number[];
  readonly serviceCpu: number[];
}

async function switchedInOne(
  capture: Capture,
  otlpPort: number,
  seed: number,
  pairs: number,
  samples: Readonly<Record<'on' | 'off', Samples>>,
): Promise<void> {
  const service = await ShopService.start('preloaded', otlpPort, seed, SMALL_EXPORTS);
  const agent = new BenchAgent(join(root, 'build', 'libslt.so'), process.geteuid?.() ?? 0, capture);
  const load = new ClosedLoop(service.port);
  const slice = async (): Promise<{ p50: number; serviceCpu: number }> => {
    await sleep(SETTLE_MS);
    load.begin();
    const before = service.cpuSeconds();
    await sleep(SLICE_MS);
    const cpu = service.cpuSeconds() - before;
    const { latencies } = load;
    if (latencies.length < FEWEST) throw new Error(`${latencies.length} requests in ${SLICE_MS} ms`);
    return { p50: median(latencies), serviceCpu: (cpu / latencies.length) * 1e3 };
  };
  try {
    await agent.start();
    await agent.tracepointsAttached();
    await sleep(WARM_UP_MS);
    for (let pair = 0; pair < pairs; pair++) {
      // On, off; off, on: what drifts hits both alike.
      for (const state of pair % 2 === 0 ? (['on', 'off'] as const) : (['off', 'on'] as const)) {
        if (state === 'on') agent.allOn();
        else agent.allOff();
        const { p50, serviceCpu } = await slice();
        samples[state].p50.push(rounded(p50));
        samples[state].serviceCpu.push(rounded(serviceCpu));
      }
    }
  } finally {
    await load.stop();
    await agent.stop();
    await service.stop();
  }
}
