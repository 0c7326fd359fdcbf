/** Captures side by side, and one after the other while spans are open: by rule, by SIGHUP, and by escalation. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import {
  Agent,
  assertAddsUp,
  assertCount,
  missedSwitch,
  total,
  wait,
  type SlowSpan,
} from '../helpers/agent.js';
import { assertBalanced } from '../helpers/balance.js';
import { mustHaveCompat } from '../helpers/kernel.js';
import { compileAgainstLibslt } from '../helpers/libslt-program.js';
import { systemCallsAttached } from '../helpers/links.js';
import { endPrograms } from '../helpers/program.js';
import { until } from '../helpers/until.js';
import { assertOnlyWaits, inCall, USER, Waiter } from '../helpers/waits.js';

const common = {
  threshold: '20ms',
  filter: { users: [USER] },
  limits: { annotated_per_second: 1000 },
};
/** CALLS of agent-programs/waits.c */
const CALLS = 50;

function assertEachCall(span: SlowSpan, escalated = false): void {
  assert.deepEqual(span.capture, { mode: 'all', escalated });
  assert.equal(span.attributes['slt.capture.mode'], 'all');
  assert.equal(span.attributes['slt.capture.escalated'], escalated ? true : undefined);
  assert.deepEqual(
    Object.keys(span.attributes).filter((name) => name.startsWith('slt.wait')),
    [],
  );
  assert.deepEqual(span.waits, { calls: [], other: { count: 0, time_us: 0 } });
  // After a switch that was not seen it is not known whether the thread was in a call, and the span says so.
  if (!missedSwitch(span)) {
    assert.equal(span.time_total['on_cpu.any'], undefined, `gaps: ${span.gaps.join() || 'none'}`);
  }
  assert.ok(span.calls.every(({ attributes }) => attributes['slt.syscall.wait'] === undefined));
}

describe('the agent, with captures side by side or one after the other', () => {
  let path: string;

  before(() => void (path = compileAgainstLibslt('waits')));
  afterEach(endPrograms);

  async function detached(agent: Agent): Promise<void> {
    await until(
      () => systemCallsAttached(agent.pid).length === 0,
      'the tracepoints of system calls are detached',
    );
    await agent.log(({ msg }) => msg.includes('tracepoints of system calls are detached'));
  }

  /** Spans until one has this capture from its start to its end. */
  async function captured(mode: SlowSpan['capture']['mode'], waiter: Waiter): Promise<SlowSpan> {
    for (let round = 0; round < 100; round++) {
      const span = await waiter.whole('nanosleep 30');
      if (span.capture.mode === mode) return span;
    }
    assert.fail(`no span with capture ${mode}`);
  }

  it('records each call of one service and the waits of another, and says what that costs the host', async () => {
    const agent = await Agent.start({
      config: { ...common, capture: 'blocking', rules: [{ service: 'recorded', capture: 'all' }] },
    });
    const quiet = await Waiter.start(agent, path, 'quiet');
    await quiet.warm();
    assert.deepEqual(systemCallsAttached(agent.pid), []);
    assert.ok(!agent.logged.some(({ msg }) => msg.includes('tracepoints of system calls')));

    const recorded = await Waiter.start(agent, path, 'recorded');
    await captured('all', recorded);
    assert.deepEqual(systemCallsAttached(agent.pid).sort(), ['syscall_enter', 'syscall_exit']);
    await agent.log(({ msg }) => /attached: every system call of every process on this host/.test(msg));
    for (let round = 0; round < 5; round++) {
      const [ofOne, ofOther] = await Promise.all([quiet.whole('futex 50'), recorded.whole('futex 50')]);
      assertOnlyWaits(ofOne);
      assert.equal(wait(ofOne, 'futex')?.count, 1);
      assertEachCall(ofOther);
      assertCount(ofOther, 'futex', 1);
    }
    if (mustHaveCompat()) {
      // Its number in the 32-bit table is sync's in the other.
      const ofTable = await recorded.whole('compat 50');
      assertCount(ofTable, 'nanosleep', 1);
      assert.equal(total(ofTable, 'sync'), undefined);
    }

    await recorded.program.kill();
    await detached(agent);
    assertOnlyWaits(await quiet.whole('nanosleep 30'));
    assertBalanced(await agent.stop());
  });

  it('says of spans that are open when the capture changes that they are mixed, and loses nothing', async () => {
    const [waitsOnly, eachCall] = [
      { ...common, capture: 'blocking' },
      { ...common, capture: 'all' },
    ];
    const agent = await Agent.start({ config: waitsOnly });
    const waiter = await Waiter.start(agent, path, 'changing');
    await waiter.warm();

    /** A sleep before the change, one at that moment, and one after it. */
    const changing = async (config: object): Promise<SlowSpan> => {
      await waiter.tell('begin 0');
      await waiter.tell('nanosleep 50');
      // Longer than a reload takes.
      waiter.program.say('nanosleep 2000');
      await inCall(waiter.program.pid, 35);
      await agent.reload(config);
      await waiter.program.next();
      await waiter.tell('nanosleep 50');
      const span = await waiter.span(await waiter.tell('end 0'));
      assertAddsUp(span);
      assert.equal(span.capture.mode, 'mixed');
      assert.equal(span.attributes['slt.capture.mode'], 'mixed');
      assert.ok((span.time_total['blocked.sleep'] ?? 0) >= 400_000 || missedSwitch(span));
      return span;
    };
    const toAll = await changing(eachCall);
    assertCount(toAll, 'nanosleep', 1);
    if (!missedSwitch(toAll)) assert.equal(wait(toAll, 'nanosleep')?.count, 2);
    assert.equal(systemCallsAttached(agent.pid).length, 2);
    assertEachCall(await waiter.whole('nanosleep 30'));

    const toBlocking = await changing(waitsOnly);
    assertCount(toBlocking, 'nanosleep', 1);
    if (!missedSwitch(toBlocking)) {
      assert.equal(wait(toBlocking, 'nanosleep')?.count, 2);
      assert.ok((wait(toBlocking, 'nanosleep')?.max_us ?? 0) >= 400_000);
    }
    assertOnlyWaits(await waiter.whole('nanosleep 30'));
    await detached(agent);
    assertOnlyWaits(await waiter.whole('nanosleep 30'));
    assertBalanced(await agent.stop());
  });

  it('never calls a span whole in one capture that was not, also of a thread which does not sleep', async () => {
    const config = { ...common, threshold: '1us', capture: 'blocking' };
    const agent = await Agent.start({ config });
    const waiter = await Waiter.start(agent, path, 'busy');
    await waiter.warm();
    const rounds = 6;
    let reloads = 0;
    const reloading = (async () => {
      for (; reloads < rounds; reloads++) {
        await pause(250);
        await agent.reload({ ...config, capture: reloads % 2 === 0 ? 'all' : 'blocking' });
      }
    })();
    let spans = 0;
    for (; reloads < rounds; spans += 100) await waiter.tell('count 100');
    await reloading;
    await agent.count(spans, ({ name }) => name === 'count');
    const seen = new Set<string>();
    for (const span of agent.spans.filter(({ name }) => name === 'count')) {
      assertAddsUp(span);
      seen.add(span.capture.mode);
      if (span.capture.mode === 'blocking') assertOnlyWaits(span);
      if (span.capture.mode === 'all') {
        assertEachCall(span);
        assertCount(span, 'getppid', CALLS);
      }
      assert.ok((total(span, 'getppid')?.count ?? 0) <= CALLS);
    }
    assert.deepEqual([...seen].sort(), ['all', 'blocking', 'mixed']);
    assertBalanced(await agent.stop());
  });

  it('escalates a service that is slow again and again, for a while, and no other', async () => {
    const slow_spans = 3;
    // Long enough for what is looked at meanwhile.
    const durationMs = 6000;
    const agent = await Agent.start({
      config: {
        ...common,
        escalate: { slow_spans, window: '1m', duration: `${durationMs}ms` },
        rules: [{ service: 'calm', capture: 'blocking' }],
      },
      args: ['--capture', 'escalate'],
    });
    const calm = await Waiter.start(agent, path, 'calm');
    await calm.warm();
    const shop = await Waiter.start(agent, path, 'shop');
    const next = async (): Promise<SlowSpan> => shop.span(await shop.tell('pipe 30'));
    /** Spans until one has not the capture `blocking` throughout: how many there were, and that one. */
    const escalated = async (): Promise<{ before: number; span: SlowSpan }> => {
      for (let before = 0; ; before++) {
        const span = await next();
        if (span.capture.mode !== 'blocking') return { before, span };
        assertOnlyWaits(span);
      }
    };
    /** When it said so the n-th time, in ms. Its log and its spans come by two ways, of which either may be the faster. */
    const saidAt = async (what: string, time: number): Promise<number> => {
      const lines = (): string[] =>
        agent.logged.flatMap(({ msg, time }) => (msg.startsWith(what) ? [String(time)] : []));
      await agent.log(() => lines().length >= time);
      assert.equal(lines().length, time, what);
      return Date.parse(lines().at(-1) ?? '');
    };

    assert.equal((await escalated()).before, slow_spans);
    for (let time = 1; time <= 2; time++) {
      const from = await saidAt('the service was slow again and again', time);
      assertEachCall(await shop.whole('pipe 30'), true);
      assert.equal(systemCallsAttached(agent.pid).length, 2);
      assertOnlyWaits(await calm.whole('nanosleep 30'));

      let span = await next();
      for (; span.capture.mode !== 'blocking'; span = await next()) assertAddsUp(span);
      assertOnlyWaits(span);
      const to = await saidAt('the while is over', time);
      assert.ok(to - from >= durationMs - 100, `it lasts: ${to - from} ms`);
      await detached(agent);
      // It begins anew: that one counts, and so may one that was mixed.
      if (time === 1) {
        const { before } = await escalated();
        assert.ok(before >= slow_spans - 2 && before <= slow_spans - 1, `${before} more slow spans`);
      }
    }
    assert.ok(agent.logged.some(({ msg, service }) => msg.startsWith('the service') && service === 'shop'));
    assert.ok(!agent.logged.some(({ msg, service }) => msg.startsWith('the service') && service === 'calm'));
    assertBalanced(await agent.stop());
  });
});
