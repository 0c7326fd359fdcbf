/** What the demo makes slow, and what the agent has to say about it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { besideWriters, besideHogs, lastCpu, type DemoService, type Response } from './service.js';

export interface DemoCase {
  /** Also the path of its endpoint. */
  readonly name: string;
  /** What was done to the request. */
  readonly injected: string;
  /** The causes (slt.cause.type) that are right; none: the request must not be annotated at all. */
  readonly right: readonly string[];
  /** Where capture `blocking` cannot tell as much: the causes that are right there, and what the sentence must say. */
  readonly blocking?: { readonly right: readonly string[]; readonly says: string };
  readonly send: (service: DemoService) => Promise<Response>;
}

const get = (path: string) => (service: DemoService) => service.get(path);

/** Three beside the request's own thread: a fair scheduler lets it wait three quarters of the time. */
const HOGS = 3;
/** Enough that each fsync waits for the disk much longer than its thread waits for a busy CPU afterwards. */
const WRITERS = 4;

export const cases: readonly DemoCase[] = [
  // Before others: that nothing was said about it is certain once a later request has been explained.
  { name: 'fast', injected: 'nothing', right: [], send: get('/fast') },
  { name: 'sleep', injected: 'a sleep', right: ['sleep'], send: get('/sleep') },
  // Not the first: a lock is told from the GIL once the agent has looked into the process, which it does at its first span.
  { name: 'lock', injected: 'another request holds the lock', right: ['lock'], send: requestTheHeldLock },
  {
    name: 'disk',
    injected: 'writes and fsyncs, while other processes write too',
    right: ['disk'],
    // Alone on a fast virtual disk, fsync may spend more time on the CPU than it waits.
    send: (service) => besideWriters(WRITERS, () => service.get('/disk')),
  },
  { name: 'net', injected: 'a process that answers late over TCP', right: ['net'], send: get('/net') },
  {
    name: 'runqueue',
    injected: 'other processes burn on the same CPU',
    right: ['runqueue'],
    send: (service) => besideHogs(HOGS, lastCpu(), () => service.get(`/runqueue?cpu=${lastCpu()}`)),
  },
  { name: 'on_cpu', injected: 'a long computation', right: ['on_cpu'], send: get('/on_cpu') },
  {
    name: 'syscalls',
    injected: '5,000 small reads',
    right: ['syscalls'],
    // Calls that do not sleep are time on the CPU there.
    blocking: { right: ['on_cpu'], says: 'capture `all` would tell' },
    send: get('/syscalls'),
  },
  {
    name: 'gil',
    injected: 'another Python thread keeps the GIL',
    // Told from a lock of the application only where the library could prove it.
    right: ['runtime', 'lock_or_runtime'],
    send: get('/gil'),
  },
];

const HELD_WITHIN_MS = 5000;

async function requestTheHeldLock(service: DemoService): Promise<Response> {
  const holder = service.get('/hold');
  // It is awaited below; until then its failure must not count as one that nobody handles.
  holder.catch(() => undefined);
  const deadline = Date.now() + HELD_WITHIN_MS;
  while (!isHeld((await service.get('/held')).body)) {
    if (Date.now() > deadline) throw new Error(`GET /hold did not take the lock within ${HELD_WITHIN_MS} ms`);
    await sleep(2);
  }
  const response = await service.get('/lock');
  await holder;
  return response;
}

function isHeld(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'held' in body && body.held === true;
}
