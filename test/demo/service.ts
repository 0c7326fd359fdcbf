/** The demo service, its peer, and the hogs: real processes of test/fixtures/demo-service. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../helpers/compile.js';
import { Child } from './child.js';

const fixture = join(root, 'test', 'fixtures', 'demo-service');
const environment = join(root, 'build', 'python', 'demo', 'bin');
const python = join(environment, 'python');
/** Not in /tmp, which may lie in memory: fsync must have a disk to wait for. */
const data = join(root, 'build', 'demo');
const START_MS = 30_000;
const LISTENING = /^listening on (http:\S+)$/;

export interface Response {
  /** Of the trace that the request began, 32 hex digits. */
  readonly traceId: string;
  /** The client's span: the parent of the request's own. */
  readonly spanId: string;
  readonly body: unknown;
}

export class DemoService {
  private constructor(
    readonly url: string,
    readonly child: Child,
  ) {}

  /**
   * @param launcher what stands before the service's own command, such as ['sltagent', 'exec', '--']
   * @param variables in addition to those of this process
   */
  static async start(
    launcher: readonly string[],
    variables: Readonly<Record<string, string>> = {},
  ): Promise<DemoService> {
    const peer = new Child('the slow peer', python, [join(fixture, 'peer.py')]);
    const [, peerUrl = ''] = await peer.line(LISTENING, START_MS);
    const [command, ...args] = [
      ...launcher,
      join(environment, 'opentelemetry-instrument'),
      python,
      join(fixture, 'service.py'),
    ];
    const child = new Child('the demo service', command, args, {
      favoured: true,
      env: {
        ...process.env,
        ...variables,
        DEMO_PEER: peerUrl,
        DEMO_DATA: data,
      },
    });
    const [, url = ''] = await child.line(LISTENING, START_MS);
    return new DemoService(url, child);
  }

  /** Sends a GET as a traced client would: with a traceparent of its own, so that its spans can be told from all others. */
  async get(path: string): Promise<Response> {
    const traceId = randomBytes(16).toString('hex');
    const spanId = randomBytes(8).toString('hex');
    const response = await fetch(this.url + path, {
      headers: { traceparent: `00-${traceId}-${spanId}-01` },
      signal: AbortSignal.timeout(START_MS),
    });
    const body: unknown = await response.json();
    if (!response.ok) throw new Error(`GET ${path} answered ${response.status}: ${JSON.stringify(body)}`);
    return { traceId, spanId, body };
  }
}

/** The last CPU that this process may use. Hogs go there, which leaves the others to the agent. */
export function lastCpu(): number {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return Number(list.split(/[,-]/).at(-1));
}

/** Runs `work` while so many other processes burn on one CPU. */
export async function besideHogs<T>(count: number, cpu: number, work: () => Promise<T>): Promise<T> {
  const hog = () => new Child('a hog', python, [join(fixture, 'hog.py'), String(cpu)], { favoured: true });
  return beside(Array.from({ length: count }, hog), /^burning$/, work);
}

/** Runs `work` while so many other processes write to the disk on which the service writes. */
export async function besideWriters<T>(count: number, work: () => Promise<T>): Promise<T> {
  const writer = () => new Child('a writer', python, [join(fixture, 'writer.py'), data], { favoured: true });
  return beside(Array.from({ length: count }, writer), /^writing$/, work);
}

async function beside<T>(others: readonly Child[], started: RegExp, work: () => Promise<T>): Promise<T> {
  try {
    await Promise.all(others.map((other) => other.line(started, START_MS)));
    return await work();
  } finally {
    await Promise.all(others.map((other) => other.end()));
  }
}
