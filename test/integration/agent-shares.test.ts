/** Anybody can map libslt and make up threads and spans: nobody takes what others need, and nothing breaks when it races. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, assertCount, sum, total, type SlowSpan } from '../helpers/agent.js';
import { assertBalanced } from '../helpers/balance.js';
import { compileAgainstLibslt, startAs } from '../helpers/libslt-program.js';
import { endPrograms, type Program } from '../helpers/program.js';

/** Users that nobody else on the machine has. */
const GREEDY = 2_000_000 + process.pid;
const OTHER = 3_000_000 + process.pid;
/** Of agent-programs/burst.c and forge.c. */
const CALLS = 20;
const CHILD_CALLS = 5;
const WORKERS_KEPT_APART = 16;

/** Two to three hundred spans, and as many threads. */
const limits = { kernel_memory: '4MiB', annotated_per_second: 1000, spans_per_second: 10_000_000 };

describe('the agent, of programs that take what they can', () => {
  let burst: string;
  let forge: string;
  let agent: Agent;

  before(() => {
    burst = compileAgainstLibslt('burst');
    forge = compileAgainstLibslt('forge');
  });
  afterEach(endPrograms);

  async function startAgent(more: object = {}): Promise<void> {
    agent = await Agent.start({
      config: { filter: { users: [GREEDY, OTHER] }, threshold: '200ms', limits: { ...limits, ...more } },
    });
  }

  async function ask(program: Program, line: string): Promise<void> {
    program.say(line);
    assert.equal(await program.next(60_000), 'done');
  }

  /** A span of burst.c by its own process; the first ones begin before the tracepoints are attached. */
  async function slowSpan(program: Program): Promise<SlowSpan> {
    for (let round = 0; round < 20; round++) {
      const before = agent.spans.length;
      program.say('1 250');
      assert.equal(await program.next(), 'open');
      assert.equal(await program.next(), 'ended');
      await agent.count(before + 1, () => true);
      const span = agent.spans.at(-1);
      if (span?.name === 'in flight' && !span.gaps.includes('tracepoints_attached_late')) return span;
    }
    throw new Error('no span began after the tracepoints had been attached');
  }

  async function assertAnnotated(program: Program): Promise<void> {
    const span = await slowSpan(program);
    assert.deepEqual(
      span.gaps.filter((gap) => gap !== 'switch_missed'),
      [],
    );
    assertCount(span, 'pread64', CALLS);
  }

  it('follows another user’s process when one user has started more than there is room for', async () => {
    await startAgent({ processes: 8 });
    for (let i = 0; i < 10; i++) await startAs(GREEDY, forge);
    await assertAnnotated(await startAs(OTHER, burst));
    const summary = await agent.stop();
    assert.ok(summary.dropped('process_slots_user') >= 3, JSON.stringify(summary.droppedReasons));
    assert.equal(summary.dropped('process_slots'), 0);
    assert.equal(summary.kernel('processes'), 8);
  });

  it('follows another user’s threads when one process, and one user, have taken all that they may', async () => {
    await startAgent();
    const [first, second] = [await startAs(GREEDY, forge), await startAs(GREEDY, forge)];
    await ask(first, 'threads 700');
    await ask(second, 'threads 200');
    await assertAnnotated(await startAs(OTHER, burst));
    const summary = await agent.stop();
    assert.ok(summary.dropped('thread_slots_process') > 0, JSON.stringify(summary.droppedReasons));
    assert.ok(summary.dropped('thread_slots_user') > 0, JSON.stringify(summary.droppedReasons));
    assert.equal(summary.dropped('thread_slots'), 0);
  });

  it('has parts for another user’s spans when one process, and one user, have taken all that they may', async () => {
    await startAgent();
    const [first, second] = [await startAs(GREEDY, forge), await startAs(GREEDY, forge)];
    await ask(first, 'parts 60');
    await ask(second, 'parts 20');
    await assertAnnotated(await startAs(OTHER, burst));
    // For want of a part its calls are nobody's, but its time is still its own.
    await ask(first, 'alone 250');
    const { gaps, time } = await agent.span(({ name }) => name === 'alone');
    assert.ok(gaps.includes('threads_left_out'), gaps.join(' '));
    assert.ok(
      (time['blocked.sleep'] ?? 0) >= 0.9 * 250_000 || gaps.includes('switch_missed'),
      JSON.stringify(time),
    );
    const summary = await agent.stop();
    assert.ok(summary.dropped('part_slots_process') > 0, JSON.stringify(summary.droppedReasons));
    assert.ok(summary.dropped('part_slots_user') > 0, JSON.stringify(summary.droppedReasons));
    assert.equal(summary.dropped('part_slots'), 0);
  });

  it('gives everything back when the process goes, round after round', async () => {
    await startAgent({ processes: 3 });
    const witness = await startAs(OTHER, burst);
    for (let round = 0; round < 4; round++) {
      const greedy = await startAs(GREEDY, forge);
      await ask(greedy, 'parts 60');
      await ask(greedy, 'threads 700');
      const died = agent.spans.filter(({ state }) => state === 'process_died').length;
      await pause(250);
      await greedy.kill();
      await agent.count(died + 60, ({ state }) => state === 'process_died');
    }
    await assertAnnotated(witness);
    const summary = await agent.stop();
    assert.equal(summary.kernel('processes'), 5);
    assert.equal(summary.dropped('process_slots'), 0);
    assert.equal(summary.dropped('thread_slots'), 0);
    assertBalanced(summary);
  });

  it('ends each span once when threads start and end spans under one id at the same instant', async () => {
    await startAgent();
    const program = await startAs(GREEDY, forge);
    await ask(program, 'same 3000');
    program.closeInput();
    await program.succeeded();
    // Its slot is swept when its end has been heard of; then every slot must be there once, and only once.
    const other = await startAs(OTHER, burst);
    await assertAnnotated(other);
    const before = agent.spans.length;
    // Nearly all slots, in fast spans; then as many slow ones as the ring holds.
    for (const burst of ['400 1', '60 250']) {
      other.say(burst);
      assert.equal(await other.next(), 'open');
      assert.equal(await other.next(), 'ended');
    }
    await agent.count(before + 60, () => true);
    const ids = agent.spans.filter(({ name }) => name === 'in flight').map(({ span_id }) => span_id);
    assert.equal(new Set(ids).size, ids.length);
    for (const span of agent.spans.slice(-60)) assertCount(span, 'pread64', CALLS);
    const summary = await agent.stop();
    assertBalanced(summary);
    // What the first process lost track of stayed with it, and came back with its end.
    assert.equal(summary.dropped('span_slots'), 0);
    assert.equal(summary.dropped('span_slots_user'), 0);
  });

  it('never tells more than the wall time of a span on which threads start and cease to work at the same instant', async () => {
    await startAgent();
    const program = await startAs(GREEDY, forge);
    for (let round = 0; round < 3; round++) await ask(program, 'together 300');
    await agent.count(3, ({ name }) => name === 'together');
    for (const span of agent.spans) {
      const wallUs = Math.round(span.wall_ms * 1000);
      assert.equal(sum(span.time_total), wallUs);
      const awaited = Object.entries(span.time).filter(([name]) => name.startsWith('awaiting'));
      assert.ok(sum(Object.fromEntries(awaited)) <= wallUs);
    }
    assertBalanced(await agent.stop());
  });

  it('counts the calls of a fast child which a thread ended that did not work for the parent', async () => {
    await startAgent();
    await slowSpan(await startAs(OTHER, burst));
    const program = await startAs(GREEDY, forge);
    for (const workers of [0, 1, WORKERS_KEPT_APART - 1]) {
      await ask(program, `family ${workers}`);
      const before = agent.spans.filter(({ name }) => name === 'family').length;
      if (before === 0) await agent.span(({ name }) => name === 'family');
    }
    await agent.count(3, ({ name }) => name === 'family');
    for (const span of agent.spans.filter(({ name }) => name === 'family')) {
      assertCount(span, 'pread64', CHILD_CALLS);
      assert.ok(!span.gaps.includes('child_calls_left_out'));
    }
    await agent.stop();
  });

  it('says so where there is no room for them', async () => {
    await startAgent();
    await slowSpan(await startAs(OTHER, burst));
    const program = await startAs(GREEDY, forge);
    await ask(program, `family ${WORKERS_KEPT_APART}`);
    const span = await agent.span(({ name }) => name === 'family');
    assert.ok(span.gaps.includes('child_calls_left_out'), span.gaps.join());
    assert.equal(total(span, 'pread64'), undefined);
    assert.notEqual(span.attributes['slt.complete'], true);
    await agent.stop();
  });
});
