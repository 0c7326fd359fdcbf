/** Nothing that happens to the agent reaches the service, and whatever is lost has a name and a number. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, assertCount, missedSwitch, Service, total, type Summary } from '../helpers/agent.js';
import { assertBalanced } from '../helpers/balance.js';
import { bpfObjectsOf, keysOfMap, remaining, type BpfObjects } from '../helpers/bpf-objects.js';
import { burst, inFlight, USER } from '../helpers/burst.js';
import { root } from '../helpers/compile.js';
import { compileAgainstLibslt } from '../helpers/libslt-program.js';
import { systemCallsAttached } from '../helpers/links.js';
import { endPrograms, Program } from '../helpers/program.js';
import { PATIENCE_MS, until } from '../helpers/until.js';

/** The agent's counts are those of this test alone. */
const alone = { filter: { users: [USER] } };
/** Of agent-programs/burst.c: the first WORKED spans of a burst make CALLS calls each. */
const WORKED = 1000;
const CALLS = 20;

/** But for what is no loss of this test's: other users' processes, and a switch that this machine did not show (the span says so). */
function assertNothingDropped({ droppedReasons }: Summary, but: readonly string[] = []): void {
  const reasons = Object.keys(droppedReasons);
  const allowed = ['process_filtered', 'switch', ...but];
  assert.deepEqual(
    reasons.filter((reason) => !allowed.includes(reason)),
    [],
  );
}

/** The kernel frees them after a grace period. */
async function assertFreed(objects: BpfObjects): Promise<void> {
  await until(
    () => Object.values(remaining(objects)).every((ids) => ids.length === 0),
    'the BPF objects are freed',
  );
}

describe('the agent, when something dies or runs full', () => {
  let burstProgram: string;

  before(() => {
    burstProgram = compileAgainstLibslt('burst');
  });
  afterEach(endPrograms);

  it('is not missed by the service when it is killed under load; the next one picks up, and nothing stays in the kernel', async () => {
    const first = await Agent.start({ config: { threshold: '20ms' } });
    const environment = join(root, 'build', 'python', 'demo', 'bin');
    const service = Service.exec([
      join(environment, 'opentelemetry-instrument'),
      join(environment, 'python'),
      join(root, 'test', 'fixtures', 'demo-service', 'service.py'),
    ]);
    const url = (await service.next()).replace('listening on ', '');
    const ask = async (): Promise<string> => {
      const response = await fetch(`${url}/syscalls`, { signal: AbortSignal.timeout(PATIENCE_MS) });
      assert.equal(response.status, 200);
      return response.text();
    };
    const answer = await ask();
    await first.span(({ name }) => name === 'GET /syscalls');

    const objects = bpfObjectsOf(first.pid);
    assert.ok(objects.prog.length > 5 && objects.map.length > 10 && objects.link.length > 3);
    assert.deepEqual(remaining(objects), objects, 'they are there while it runs');
    let asking = true;
    const clients = Array.from({ length: 4 }, async () => {
      const answers: string[] = [];
      while (asking) answers.push(await ask());
      return answers;
    });
    await pause(300);
    await first.kill9();
    await pause(300);
    const second = await Agent.start({ config: { threshold: '40ms' } });
    await second.span(({ name, gaps }) => name === 'GET /syscalls' && gaps.length === 0);
    asking = false;
    const answers = (await Promise.all(clients)).flat();
    assert.ok(answers.length >= 4);
    assert.deepEqual([...new Set(answers)], [answer]);

    await assertFreed(objects);
    await second.stop();
  });

  it('leaves no BPF object when it is stopped', async () => {
    const agent = await Agent.start({ config: alone });
    const program = await burst(burstProgram);
    await inFlight(program, 3, 1);
    assert.equal(await program.next(), 'ended');
    const objects = bpfObjectsOf(agent.pid);
    await agent.stop();
    await assertFreed(objects);
  });

  it('reports the open spans of a process that was killed, and uses its slots again', async () => {
    const agent = await Agent.start({
      config: {
        ...alone,
        threshold: '40ms',
        // One user may have all but one.
        limits: { processes: 3, annotated_per_second: 1000, kernel_memory: '8MiB' },
      },
    });
    const witness = await burst(burstProgram);
    for (let round = 1; round <= 4; round++) {
      const victim = await burst(burstProgram);
      await inFlight(victim, 200, 60_000);
      await pause(100);
      await victim.kill();
      // The slot is free when the death has been dealt with, which its spans tell.
      await agent.count(200 * round, ({ state }) => state === 'process_died');
    }
    const dead = [...agent.spans];
    assert.equal(dead.length, 4 * 200);
    assert.equal(
      new Set(dead.map(({ span_id, attributes }) => `${span_id} ${String(attributes['thread.id'])}`)).size,
      800,
    );
    for (const span of dead) {
      assert.ok(span.wall_ms >= 40);
      if (!span.gaps.includes('tracepoints_attached_late')) assertCount(span, 'pread64', CALLS);
    }
    await inFlight(witness, 10, 60);
    assert.equal(await witness.next(), 'ended');
    await agent.count(10, ({ state }) => state === 'ended');
    // Their last spans were the first of that name: it is not written into the table for a process that has gone.
    const named = keysOfMap(bpfObjectsOf(agent.pid), 'thresholds').map((key) => key.readUInt32LE());
    assert.deepEqual(named, [witness.pid]);
    const summary = await agent.stop();
    assertNothingDropped(summary);
    assert.equal(summary.kernel('processes'), 5);
    assertBalanced(summary);
  });

  it('follows 10,000 spans in flight where it was given the memory', async () => {
    const agent = await Agent.start({
      config: {
        ...alone,
        threshold: '40ms',
        limits: { kernel_memory: '128MiB', spans_per_second: 100_000, annotated_per_second: 100_000 },
      },
    });
    const program = await burst(burstProgram);
    // The first process attaches the tracepoints.
    await inFlight(program, 1, 1);
    assert.equal(await program.next(), 'ended');
    await until(() => systemCallsAttached(agent.pid).length === 2, 'the tracepoints are attached');
    await pause(500);
    await inFlight(program, 10_000, 100);
    assert.equal(await program.next(), 'ended');
    await agent.count(100, () => true);
    const summary = await agent.stop();
    const told = agent.spans;
    // A reader of its output may be too slow for all.
    assertBalanced(summary, ['reader_behind']);
    assertNothingDropped(summary, ['reader_behind']);
    assert.equal(summary.kernel('spans_started'), 10_001);
    assert.equal(summary.annotated + summary.dropped('reader_behind'), 10_000);
    assert.equal(summary.annotated, told.length, 'what is called annotated was told, line by line');
    assert.equal(new Set(told.map(({ span_id }) => span_id)).size, told.length);
    const worked = told.filter((span) => total(span, 'pread64') !== undefined);
    assert.ok(worked.length > 0 && worked.length <= WORKED);
    for (const span of worked) assertCount(span, 'pread64', CALLS, 'each span has its own calls');
  });

  it('counts what finds no place when there are more spans than slots', async () => {
    const agent = await Agent.start({
      config: {
        ...alone,
        threshold: '40ms',
        limits: { spans_per_second: 100_000, annotated_per_second: 100_000 },
      },
    });
    const program = await burst(burstProgram);
    await inFlight(program, 10_000, 100);
    assert.equal(await program.next(), 'ended');
    // The slots are free again.
    await inFlight(program, 5000, 100);
    assert.equal(await program.next(), 'ended');
    const summary = await agent.stop();
    assertBalanced(summary, ['reader_behind']);
    const left = summary.dropped('span_slots_process');
    assert.ok(left > 0, 'the default memory does not hold 10,000 spans of one process');
    assert.equal(summary.kernel('spans_started'), 15_000 - left);
    assert.equal(summary.dropped('end_unknown'), left, 'their ends are those of no span');
    assert.equal(summary.annotated + summary.dropped('reader_behind'), 15_000 - left);
    assert.equal(summary.annotated, agent.spans.length);
  });

  it('knows of every span that was lost between the ring and its own event loop, when that stood still', async () => {
    const agent = await Agent.start({
      config: {
        ...alone,
        threshold: '40ms',
        limits: { kernel_memory: '128MiB', spans_per_second: 100_000, annotated_per_second: 100_000 },
      },
    });
    const program = await burst(burstProgram);
    await inFlight(program, 1, 60);
    assert.equal(await program.next(), 'ended');
    await agent.count(1, () => true);
    // The thread that drains the ring goes on: it fills what may wait, and drops the rest.
    const holder = new Program([compileAgainstLibslt('hold'), String(agent.pid)]);
    assert.equal(await holder.next(), 'held');
    for (let round = 0; round < 3; round++) {
      await inFlight(program, 9000, 60);
      assert.equal(await program.next(), 'ended');
      // What a process may send in a second is limited too.
      await pause(1100);
    }
    holder.closeInput();
    await holder.succeeded();
    await inFlight(program, 10, 60);
    assert.equal(await program.next(), 'ended');
    const summary = await agent.stop();
    assertBalanced(summary, ['reader_behind']);
    assert.equal(summary.kernel('spans_started'), 27_011);
    const lost = summary.dropped('span_agent_behind');
    assert.ok(lost > 0, JSON.stringify(summary.droppedReasons));
    assert.ok(lost < summary.dropped('record_agent_behind'), 'parts and calls were lost as well');
    assert.equal(summary.annotated, agent.spans.length);
  });

  describe('with a ring that is too small', () => {
    let receiver: Server;
    let endpoint: string;
    const received = { taken: 0, refused: 0 };

    /** Takes every other request, and refuses the rest for good. */
    before(async () => {
      let requests = 0;
      receiver = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const spans =
            Buffer.concat(chunks)
              .toString()
              .match(/"name":"kernel"/g)?.length ?? 0;
          const takes = ++requests % 2 === 1;
          if (takes) received.taken += spans;
          else received.refused += spans;
          response.writeHead(takes ? 200 : 400, { 'content-type': 'application/json' }).end('{}');
        });
      });
      await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
      endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;
    });
    after(() => receiver.close());

    it('knows of every span and record where it was left, up to the receiver’s acknowledgement', async () => {
      const agent = await Agent.start({
        config: {
          ...alone,
          threshold: '40ms',
          limits: {
            kernel_memory: '8MiB',
            spans_per_second: 100_000,
            annotated_per_second: 100,
            subspans_per_trace: 2,
          },
        },
        args: ['--otlp-endpoint', endpoint],
      });
      const program = await burst(burstProgram);
      await inFlight(program, 1, 60);
      assert.equal(await program.next(), 'ended');
      // A request of its own, which is taken; so the next one is refused.
      await until(() => received.taken > 0, 'the first request comes');
      agent.signal('SIGSTOP');
      // The ring has a place for fewer than 300 of them.
      for (let round = 0; round < 3; round++) {
        await inFlight(program, 900, 60);
        assert.equal(await program.next(), 'ended');
        // What a process may send in a second is limited too.
        await pause(1100);
      }
      agent.signal('SIGCONT');
      await inFlight(program, 100, 60);
      assert.equal(await program.next(), 'ended');
      const summary = await agent.stop();
      assert.ok(summary.dropped('record_ring_full') > 0, JSON.stringify(summary.droppedReasons));
      assert.ok(summary.dropped('span_ring_full') > 0, JSON.stringify(summary.droppedReasons));
      assert.ok(summary.dropped('limit_annotated_per_second') > 0, JSON.stringify(summary.droppedReasons));
      assert.ok(summary.dropped('rejected') > 0, JSON.stringify(summary.droppedReasons));
      assertBalanced(summary, [
        'not_sampled',
        'limit_annotated_per_second',
        'queue_full',
        'retries_exhausted',
        'rejected',
        'partial_success',
        'shutdown',
      ]);
      assert.equal(summary.annotated, received.taken);
      assert.equal(summary.dropped('rejected'), received.refused);
      // What is told of a span is all of it, or the span says that records were lost.
      for (const span of agent.spans) {
        const reads = total(span, 'pread64')?.count;
        assert.ok(
          reads === CALLS ||
            span.gaps.includes('records_lost') ||
            missedSwitch(span) ||
            span.gaps.includes('tracepoints_attached_late'),
          JSON.stringify([reads, span.gaps]),
        );
      }
    });
  });
});
