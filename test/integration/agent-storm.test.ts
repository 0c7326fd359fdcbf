/** Far more slow spans than a back end takes: the agent's memory stays as it is, and what is lost is counted. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildStage, type Stage } from '../../bench/stage.js';
import { Workload } from '../../bench/workload.js';
import { Agent } from '../helpers/agent.js';

const RATE = 1_500;
const ROUND_MS = 2_000;
const LEAST_ROUNDS = 8;
/** What has not come to rest by then will not. */
const MOST_ROUNDS = 30;
/** Of the queue in front of the back end (queueDefaults). */
const QUEUED = 2_048;

const MOST_BYTES = 300e6;

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** Takes requests and never answers one. */
async function silentServer(): Promise<Server> {
  const server = createServer((request) => request.resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Three rounds have needed no more than the three before them. What V8 has not collected yet comes and goes. */
function hasComeToRest(resident: readonly number[]): boolean {
  return Math.max(...resident.slice(-3)) < 1.1 * Math.max(...resident.slice(-6, -3));
}

describe('the agent in a storm of slow spans', () => {
  let stage: Stage;
  let workload: Workload;
  let server: Server;

  before(async () => {
    stage = buildStage();
    workload = new Workload(stage);
    server = await silentServer();
  });

  after(async () => {
    await workload.stop();
    server.closeAllConnections();
    server.close();
    stage.remove();
  });

  it('does not grow while its back end is silent, and counts every span that it dropped', async () => {
    const { port } = server.address() as AddressInfo;
    const agent = await Agent.start({
      config: {
        threshold: '1us',
        filter: { users: [stage.uid] },
        limits: { annotated_per_second: 1_000_000, spans_per_second: 1_000_000 },
        export: { to: 'otlp', otlp: { endpoint: `http://127.0.0.1:${port}` } },
      },
    });
    await workload.ask(`load ${stage.libslt('libslt-storm')}`);
    const resident: number[] = [];
    let made = 0;
    // The slower the machine, the later V8 has found the size of its heap.
    while (resident.length < LEAST_ROUNDS || (resident.length < MOST_ROUNDS && !hasComeToRest(resident))) {
      made += Number((await workload.ask(`stream ${RATE} ${ROUND_MS}`)).split(' ')[0]);
      await sleep(500);
      resident.push(residentBytes(agent.pid));
    }
    const { annotated, dropped, kernel } = await agent.stop();

    assert.ok(made > 4 * QUEUED);
    assert.equal(annotated, 0);
    const told = `resident after each round: ${resident.join(', ')}`;
    assert.ok(hasComeToRest(resident), told);
    assert.ok(Math.max(...resident) < MOST_BYTES, told);
    const sent = kernel('spans_sent');
    assert.ok(sent > 2 * QUEUED);
    const counted = ['queue_full', 'shutdown', 'retries_exhausted', 'below_rule', 'failed'];
    assert.equal(
      counted.reduce((sum, reason) => sum + dropped(reason), 0),
      sent,
    );
    assert.ok(dropped('queue_full') >= sent - 2 * QUEUED);
  });
});
