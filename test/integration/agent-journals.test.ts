/** Threads that keep journals (schemas/wire/probe.h) are accounted for as those that trap for everything: the same programs, with and without. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, assertAddsUp, missedSwitch, sum, type SlowSpan } from '../helpers/agent.js';
import { assertBalanced } from '../helpers/balance.js';
import { compileAgainstLibslt } from '../helpers/libslt-program.js';
import { kernelIsAtLeast } from '../helpers/kernel.js';
import { attachedBy, systemCallsAttached } from '../helpers/links.js';
import { endPrograms } from '../helpers/program.js';
import { PATIENCE_MS, until } from '../helpers/until.js';
import { USER, Waiter, wholeOf } from '../helpers/waits.js';

const LONG_MS = 60;
/** handed.c */
const CHILD_US = 100;
const SHORT_US = 800;
const CHILDREN = 40;
const DEATHS = 20;

/** Of the program's spans the same are slow. A threshold below a millisecond, whosever it is, forbids journals. */
const config = (journals: boolean): object => ({
  threshold: '20ms',
  filter: { users: [USER] },
  rules: journals ? [] : [{ service: 'nobody', threshold: '900us' }],
});

/** On a CPU, or ready to be: what a busy machine takes from a thread that computes is run-queue time. */
function computed(times: Readonly<Record<string, number>>): number {
  return sum(
    Object.fromEntries(
      Object.entries(times).filter(([name]) => name.startsWith('on_cpu') || name.startsWith('runqueue')),
    ),
  );
}

/** The time of its threads, which is told where it was more than the wall time, is what was rounded at most. */
function assertCountedOnce({ thread_time, time_total }: SlowSpan): void {
  let more = 0;
  for (const [name, time] of Object.entries(thread_time)) more += time - (time_total[name] ?? 0);
  assert.ok(more <= 10, `counted twice: ${JSON.stringify(thread_time)}`);
}

/** Of its first thread, as /proc has it: `T` is stopped. */
function stateOf(pid: number): string | undefined {
  return /^\d+ \(.*\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
}

/** The tracepoints are attached with the first process. */
async function untilAttached(first: Waiter): Promise<void> {
  for (;;) {
    const span = await first.span(await first.tell('burn 30'));
    if (!span.gaps.includes('tracepoints_attached_late')) return;
  }
}

for (const journals of [true, false]) {
  describe(`the agent, of threads that ${journals ? 'keep journals' : 'trap for everything'}`, () => {
    let agent: Agent;
    /** Its threads use their own spans only … */
    let alone: Waiter;
    /** … and those of this one each other's, which is known of it. */
    let handed: Waiter;

    before(async () => {
      agent = await Agent.start({ config: config(journals), args: ['--capture', 'blocking'] });
      const program = compileAgainstLibslt('handed');
      alone = await Waiter.start(agent, program, 'alone');
      await untilAttached(alone);
      handed = await Waiter.start(agent, program, 'handed');
      await handed.span(await handed.tell('quick 1'));
    });
    after(endPrograms);

    it(`${journals ? 'allows' : 'forbids'} journals by the lowest threshold of all`, () => {
      assert.equal(attachedBy(agent.pid).includes('probe_journal'), journals);
    });

    it('counts short children, and has their time apart from their parent’s', async () => {
      const span = await alone.whole(`children ${CHILDREN}`);
      assert.equal(span.attributes['slt.child_spans'], CHILDREN);
      const own = computed(span.time);
      const all = computed(span.time_total);
      const least = 2 * CHILD_US * CHILDREN;
      // What the programs say of a child, and what the library does for it, is the parent's or the child's own.
      assert.ok(all - own >= 0.9 * least, `${all - own} µs in children, which computed for ${least} µs`);
      assert.ok(own <= least, `${own} µs of its own`);
      assertCountedOnce(span);
    });

    it('knows a span that nothing interrupted', async () => {
      const span = await alone.whole(`burn ${LONG_MS}`);
      assert.ok(computed(span.time) >= 0.95 * LONG_MS * 1000, JSON.stringify(span.time));
    });

    it('tells a span that its process died in up to then and no further', async () => {
      const dying = await Waiter.start(agent, compileAgainstLibslt('handed'), 'dying');
      const span = await dying.span(await dying.tell(`open ${LONG_MS}`));
      assert.equal(span.state, 'process_died');
      assertAddsUp(span);
      if (missedSwitch(span)) return;
      assert.ok((span.time['blocked.sleep'] ?? 0) >= 0.9 * LONG_MS * 1000, JSON.stringify(span.time));
      const threads = sum(
        Object.fromEntries(
          Object.entries(span.time).filter(([name]) => !/^(awaiting|unaccounted)/.test(name)),
        ),
      );
      assert.ok(threads >= span.wall_ms * 1000 - 1000, `${threads} µs of a thread in ${span.wall_ms} ms`);
    });

    /** A span, and the one within it that is named `child`. */
    async function whole(
      command: string,
      meanwhile?: () => Promise<void>,
    ): Promise<{ outer: SlowSpan; child: SlowSpan }> {
      const [outer, child] = await wholeOf(command, async () => {
        const around = await alone.whole(command, meanwhile);
        const [from, to] = [BigInt(around.start_unix_ns), BigInt(around.end_unix_ns)];
        const within = await agent.span(
          ({ name, start_unix_ns: at }) => name === 'child' && BigInt(at) > from && BigInt(at) < to,
        );
        return [around, within] as const;
      });
      return { outer, child };
    }

    async function stopAWhile(): Promise<void> {
      await until(() => stateOf(alone.program.pid) === 'T', 'it has stopped');
      await pause(LONG_MS);
      alone.program.signal('SIGCONT');
    }

    it('has what befalls a thread between a span’s context and its end as that span’s own, and not as its parent’s', async () => {
      const { outer, child } = await whole('stopped 0', stopAWhile);
      assert.ok((child.time['stopped'] ?? 0) >= 0.9 * LONG_MS * 1000, JSON.stringify(child.time));
      assert.equal(child.time['awaiting.loop_busy'], undefined);
      assert.equal(outer.time['stopped'], undefined, JSON.stringify(outer.time));
      assertCountedOnce(outer);
    });

    it('has it as that of the next span, where the thread has turned to that before the end', async () => {
      const { outer, child } = await whole('sibling 0', stopAWhile);
      assert.equal(child.time['stopped'], undefined, JSON.stringify(child.time));
      const next = await agent.span(
        ({ name, parent_span_id }) => name === 'other' && parent_span_id === outer.span_id,
      );
      assert.ok(
        (next.time['stopped'] ?? 0) >= 0.9 * LONG_MS * 1000 || missedSwitch(next),
        JSON.stringify(next.time),
      );
    });

    it('has what a thread does between a span’s start and its context as that span’s own, and not as its parent’s', async () => {
      const { outer, child } = await whole(`early ${LONG_MS}`);
      assert.ok(computed(child.time) >= 0.9 * LONG_MS * 1000, JSON.stringify(child.time));
      assert.ok(computed(outer.time) <= 0.1 * LONG_MS * 1000, JSON.stringify(outer.time));
      assertCountedOnce(outer);
    });

    it('has it as the own also of the span that the thread worked for just then, where that is not the parent', async () => {
      const { outer, child } = await whole(`root ${LONG_MS}`);
      for (const span of [outer, child])
        assert.ok(computed(span.time) >= 0.9 * LONG_MS * 1000, JSON.stringify(span.time));
    });

    for (const [what, amount, leastMs] of [
      ['turned', LONG_MS, LONG_MS],
      ['slept', LONG_MS, LONG_MS],
      ['queued', LONG_MS, LONG_MS],
      // As many as a journal holds.
      ['behind', 15, (15 * SHORT_US) / 1000],
    ] as const) {
      it(`does not take for a span’s own what its thread does for others, or asks for, in such a gap: ${what}`, async () => {
        const { child } = await whole(`${what} ${amount}`);
        const others = child.time['awaiting.loop_busy'] ?? 0;
        assert.ok(others >= 0.9 * leastMs * 1000, JSON.stringify(child.time));
      });
    }

    it('does not count what a thread does after it has left the span, when another one ends it', async () => {
      const span = await handed.whole(`left ${LONG_MS}`);
      const time = computed(span.time);
      assert.ok(time >= 0.9 * LONG_MS * 1000, `${time} µs, with the thread that it was handed to`);
      // The time of threads is told where they have worked at once, and so for longer than it took.
      const threads = computed(span.thread_time);
      assert.ok(threads <= 1.1 * span.wall_ms * 1000, `${threads} µs of threads in ${span.wall_ms} ms`);
    });

    it('knows what the thread that has started a span did for it before it handed it over', async () => {
      const span = await handed.whole(`given ${LONG_MS}`);
      const time = computed(span.time);
      assert.ok(time >= 0.9 * 2 * LONG_MS * 1000, JSON.stringify(span.time));
    });

    it('counts what another thread does for the span, and what the first does beside it', async () => {
      const span = await handed.whole(`joined ${LONG_MS}`);
      const threads = computed(span.thread_time);
      assert.ok(threads >= 1.8 * LONG_MS * 1000, `${threads} µs of two threads`);
    });

    it('links the child that another thread starts to a parent of which only a journal tells', async () => {
      const parent = await handed.whole(`adopted ${LONG_MS}`);
      const child = await agent.span(
        ({ parent_span_id, name }) => name === 'adopted' && parent_span_id === parent.span_id,
      );
      assertAddsUp(child);
      if (missedSwitch(child)) return;
      assert.equal(parent.attributes['slt.child_spans'], 1);
      assert.ok(computed(child.time) >= 0.9 * LONG_MS * 1000, JSON.stringify(child.time));
    });

    it('says that nothing is known of a span whose only thread has exited', async () => {
      const span = await handed.span(await handed.tell(`orphan ${LONG_MS}`));
      assert.equal(sum(span.time_total), Math.round(span.wall_ms * 1000));
      assert.deepEqual([span.shared, span.gaps], [true, ['starter_exited']]);
      assert.equal(span.cause.type, 'unaccounted');
    });

    it('loses no short span, whoever ends it, and leaves none open', async () => {
      for (const what of ['quick 200', 'fan 60']) await handed.whole(what);
      for (const what of ['exits 50', 'late 50', 'burn 30']) await alone.whole(what);
      await handed.program.kill();
      await alone.program.kill();
      const summary = await agent.stop();
      assertBalanced(summary);
      // Each of `late` is used after its end; and of the other process the first span that was handed over may be unknown.
      const unknown = summary.dropped('context_unknown');
      assert.ok(unknown === 50 || (journals && unknown === 51), `${unknown} contexts`);
      assert.ok(summary.dropped('end_unknown') <= (journals ? 1 : 0), 'ends');
      for (const reason of ['journal', 'end_contested', 'span_duplicate'])
        assert.equal(summary.dropped(reason), 0, reason);
      assert.deepEqual(
        agent.spans.filter(({ name, state }) => name !== 'open' && state !== 'ended'),
        [],
      );
      assert.ok(summary.kernel('spans_started') >= 200 + 60 + 50 + 50 + 2 * CHILDREN);
    });
  });
}

describe('the agent, of a process whose threads begin to hand spans over', () => {
  afterEach(endPrograms);

  // How many spans may have been under way when the first was seen to be used by the other thread.
  for (const [what, under] of [
    ['quick 200', 1],
    ['fan 60', 60],
    ['adopted 60', 1],
    ['given 60', 1],
  ] as const) {
    it(`leaves none open that was handed over until then, and knows all others: ${what}`, async () => {
      const agent = await Agent.start({ config: config(true), args: ['--capture', 'blocking'] });
      const program = compileAgainstLibslt('handed');
      await untilAttached(await Waiter.start(agent, program, 'alone'));
      const handed = await Waiter.start(agent, program, 'handed');
      for (const each of [what, 'quick 100', 'burn 30']) await handed.span(await handed.tell(each));
      await handed.program.kill();
      const summary = await agent.stop();
      assertBalanced(summary);
      for (const reason of ['context_unknown', 'end_unknown'])
        assert.ok(summary.dropped(reason) <= under, `${summary.dropped(reason)} ${reason}`);
      assert.deepEqual(
        agent.spans.filter(({ state }) => state !== 'ended'),
        [],
      );
    });
  }
});

describe('the agent, of a process that exits before its last span is caught up with', () => {
  afterEach(endPrograms);

  for (const [how, exit] of [
    ['exit', { code: 0, signal: null }],
    ['_exit', { code: 0, signal: null }],
    ['kill', { code: null, signal: 'SIGKILL' }],
  ] as const) {
    it(`knows that it has ended: ${how}`, async function () {
      // Before, the tracepoint of an exit comes when the memory has gone: libslt's own trap alone is of use.
      if (how !== 'exit' && !kernelIsAtLeast(6, 16)) this.skip();
      const agent = await Agent.start({
        config: { ...config(true), threshold: '1ms' },
        args: ['--capture', 'blocking'],
      });
      const program = compileAgainstLibslt('handed');
      await untilAttached(await Waiter.start(agent, program, 'alone'));
      for (let i = 0; i < DEATHS; i++) {
        const dying = await Waiter.start(agent, program, 'dying');
        dying.program.say(`${how} 5000`);
        assert.deepEqual(await dying.program.exited, exit);
      }
      const summary = await agent.stop();
      assertBalanced(summary);
      assert.deepEqual(
        agent.spans.filter(({ name, state }) => name === 'last' && state !== 'ended'),
        [],
      );
      assert.ok(summary.kernel('spans_started') > 2 * DEATHS);
    });
  }
});

describe('the agent, when a reload makes short spans slow', () => {
  afterEach(endPrograms);

  it('sees them from then on, and forbids and allows journals as the thresholds do', async () => {
    const agent = await Agent.start({ config: config(true), args: ['--capture', 'blocking'] });
    const handed = await Waiter.start(agent, compileAgainstLibslt('handed'), 'handed');
    const has = (): boolean => attachedBy(agent.pid).includes('probe_journal');
    await handed.span(await handed.tell('burn 30'));
    assert.ok(has());
    await agent.reload({ ...config(true), threshold: '50us' });
    assert.ok(!has());
    const parent = await handed.tell('children 1');
    await agent.span(({ name, parent_span_id }) => name === 'child' && parent_span_id === parent);
    await handed.span(parent);
    await agent.reload(config(true));
    assert.ok(has());
    const before = agent.spans.length;
    await handed.span(await handed.tell(`children ${CHILDREN}`));
    assert.deepEqual(
      agent.spans.slice(before).map(({ name }) => name),
      ['children'],
    );
    const summary = await agent.stop();
    assertBalanced(summary);
  });
});

describe('the agent, of a service that is short in all it does', () => {
  afterEach(endPrograms);

  it('learns its name, and so which capture it is to have', async () => {
    const rules = [{ service: 'named in code', capture: 'all' }];
    const agent = await Agent.start({
      config: { ...config(true), rules },
      args: ['--capture', 'blocking'],
    });
    const alone = await Waiter.start(agent, compileAgainstLibslt('handed'), 'named in code');
    for (const end = Date.now() + PATIENCE_MS; systemCallsAttached(agent.pid).length === 0;) {
      assert.ok(Date.now() < end, 'its system calls are recorded');
      await alone.tell('burn 0');
    }
    const summary = await agent.stop();
    assertBalanced(summary);
    assert.deepEqual(agent.spans, []);
  });
});
