/** SIGHUP: new rules hold for the spans that start after it, and none is lost over it. Filters and limits, which a user may change so. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, Service, total } from '../helpers/agent.js';
import { endPrograms, type Program } from '../helpers/program.js';

/** A user that nobody else on the machine has: see agent-robustness.test.ts. */
const USER = 1_000_000 + process.pid;
const OTHER = USER + 1_000_000;
const alone = { filter: { users: [USER] } };
const plenty = { annotated_per_second: 1000 };

describe('the agent, when its configuration changes', () => {
  afterEach(endPrograms);

  /** Tells agent-programs/open.py what to do; gives the id of the span. */
  async function tell(program: Program, what: 'start' | 'work' | 'end', name: string): Promise<string> {
    program.say(what === 'work' ? `work ${name} 100` : `${what} ${name}`);
    return (JSON.parse(await program.next()) as { span_id: string }).span_id;
  }

  /** A span of 100 ms and a little. */
  async function whole(program: Program, name: string): Promise<string> {
    await tell(program, 'start', name);
    await tell(program, 'work', name);
    return tell(program, 'end', name);
  }

  for (const known of [true, false]) {
    const names = known ? 'whose names the kernel knows' : 'whose names are new';

    it(`holds open spans against the old threshold and later ones against the new, ${names}`, async () => {
      const strict = { ...alone, threshold: '40ms', limits: plenty };
      const lax = { ...strict, threshold: '30s' };
      const agent = await Agent.start({ config: strict });
      const program = await Service.python('open', [], { uid: USER });
      await whole(program, 'first');
      if (known) for (const name of ['a', 'b', 'c', 'd']) await whole(program, name);
      await agent.span(({ name }) => name === (known ? 'd' : 'first'));
      const before = agent.spans.length;

      const open = await tell(program, 'start', 'a');
      await tell(program, 'work', 'a');
      await agent.reload(lax);
      await tell(program, 'end', 'a');
      const later = await whole(program, 'b');

      const openToo = await tell(program, 'start', 'c');
      await tell(program, 'work', 'c');
      await agent.reload(strict);
      await tell(program, 'end', 'c');
      const laterToo = await whole(program, 'd');

      await agent.span(({ span_id }) => span_id === laterToo);
      const summary = await agent.stop();
      const annotated = agent.spans.slice(before).map(({ span_id }) => span_id);
      assert.ok(annotated.includes(open), 'open over the first reload: slow by the rules of its start');
      assert.ok(!annotated.includes(later), 'after the first reload: fast by the new rules');
      assert.ok(!annotated.includes(openToo), 'open over the second reload: fast by the rules of its start');
      assert.ok(annotated.includes(laterToo), 'after the second reload: slow by the new rules');
      assert.equal(summary.kernel('spans_started'), known ? 9 : 5);
      assert.equal(
        summary.kernel('spans_fast') + summary.annotated + summary.dropped('below_rule'),
        summary.kernel('spans_started'),
        'none is lost',
      );
    });
  }

  it('records other system calls from then on', async () => {
    const agent = await Agent.start({ config: { ...alone, threshold: '40ms', limits: plenty } });
    const program = await Service.python('open', [], { uid: USER });
    await whole(program, 'attaches');
    const before = await whole(program, 'before');
    assert.equal(total(await agent.span(({ span_id }) => span_id === before), 'clock_nanosleep')?.count, 1);
    await agent.reload({
      ...alone,
      threshold: '40ms',
      limits: plenty,
      syscalls: { exclude: ['clock_nanosleep'] },
    });
    const after = await whole(program, 'after');
    const span = await agent.span(({ span_id }) => span_id === after);
    assert.equal(total(span, 'clock_nanosleep'), undefined);
    // Python sleeps until a moment: on a busy machine it may come to that late.
    assert.ok((span.time_total['blocked.sleep'] ?? 0) > 10_000 || span.gaps.includes('switch_missed'));
    await agent.stop();
  });

  it('keeps the configuration that it has when the new one is broken, and says why', async () => {
    const agent = await Agent.start({ config: { ...alone, threshold: '40ms', limits: plenty } });
    const program = await Service.python('open', [], { uid: USER });
    for (const [text, named] of [
      ['threshold: [', /config\.yaml/],
      ['thresold: 5ms', /thresold/],
      ['threshold: soon', /threshold/],
    ] as const) {
      agent.configure(text);
      agent.signal('SIGHUP');
      const { msg } = await agent.log(({ level, msg }) => level === 'error' && named.test(msg));
      assert.match(msg, /was not reloaded/);
      const id = await whole(program, 'still');
      await agent.span(({ span_id }) => span_id === id);
    }
    await agent.stop();
  });

  it('follows only the users that the filter names', async () => {
    const agent = await Agent.start({ config: { ...alone, threshold: '40ms', limits: plenty } });
    const ours = await Service.python('open', [], { uid: USER });
    const others = await Service.python('open', []);
    const nobodys = await Service.python('open', [], { uid: 65_534 });
    await Promise.all([ours, others, nobodys].map((program) => whole(program, 'attaches')));
    const ids = await Promise.all([ours, others, nobodys].map((program) => whole(program, 'filtered')));
    await agent.span(({ span_id }) => span_id === ids[0]);
    const summary = await agent.stop();
    assert.deepEqual(
      agent.spans.filter(({ name }) => name === 'filtered').map(({ span_id }) => span_id),
      [ids[0]],
    );
    assert.equal(summary.kernel('processes'), 1);
    assert.equal(summary.kernel('spans_started'), 2);
    assert.ok(summary.dropped('process_filtered') > 0);
  });

  it('lets go of processes that the new filter leaves out, and takes them up again', async () => {
    const of = (...users: number[]): object => ({ filter: { users }, threshold: '40ms', limits: plenty });
    const agent = await Agent.start({ config: of(USER, OTHER) });
    const ours = await Service.python('open', [], { uid: USER });
    const theirs = await Service.python('open', [], { uid: OTHER });
    for (const program of [ours, theirs]) await whole(program, 'first');
    const open = await tell(theirs, 'start', 'open');
    await agent.reload(of(USER));
    const refused = await whole(theirs, 'refused');
    await tell(theirs, 'work', 'open');
    await tell(theirs, 'end', 'open');
    const refusedToo = await whole(theirs, 'refused');
    const kept = await whole(ours, 'kept');
    await agent.reload(of(USER, OTHER));
    const again = await whole(theirs, 'again');
    for (const id of [open, kept, again]) await agent.span(({ span_id }) => span_id === id);
    const summary = await agent.stop();
    const annotated = agent.spans.map(({ span_id }) => span_id);
    for (const id of [refused, refusedToo]) assert.ok(!annotated.includes(id));
    assert.equal(summary.kernel('spans_started'), 5);
    assert.equal(summary.kernel('processes'), 2);
    assert.ok(summary.dropped('process_filtered') > 0);
    for (const reason of ['end_unknown', 'context_unknown']) assert.equal(summary.dropped(reason), 0, reason);
  });

  it('takes as many users as it has room for in the place of as many others', async () => {
    const of = (user: number): object => ({
      filter: { users: Array.from({ length: 256 }, (_, i) => user + i) },
      threshold: '40ms',
    });
    const agent = await Agent.start({ config: of(OTHER) });
    const program = await Service.python('open', [], { uid: USER });
    const before = await whole(program, 'before');
    await agent.reload(of(USER));
    const after = await whole(program, 'after');
    await agent.span(({ span_id }) => span_id === after);
    await agent.stop();
    assert.ok(!agent.spans.some(({ span_id }) => span_id === before));
  });

  it('lets no process pay for one that it has let go of, until that one takes part again', async () => {
    const config = { ...alone, threshold: '40ms', limits: plenty };
    const agent = await Agent.start({ config });
    const program = await Service.python('open', [], { uid: USER });
    await whole(program, 'first');
    await agent.log(({ msg }) => msg.includes('tracepoints of system calls are attached'));
    await agent.reload({ ...config, filter: { users: [OTHER] } });
    await whole(program, 'refused');
    await agent.log(({ msg }) => msg.includes('tracepoints of system calls are detached'));
    await agent.reload(config);
    await whole(program, 'again');
    const seen = await whole(program, 'seen');
    const { gaps } = await agent.span(({ span_id }) => span_id === seen);
    assert.ok(!gaps.includes('tracepoints_attached_late'), gaps.join());
    await agent.stop();
  });

  it('lets no more spans of a service leave than the limit allows, counts the others, and takes a new limit', async () => {
    const config = (annotated_per_second: number): object => ({
      ...alone,
      threshold: '40ms',
      limits: { annotated_per_second },
    });
    const agent = await Agent.start({ config: config(3) });
    const program = await Service.python('open', [], { uid: USER });
    const together = async (round: number): Promise<void> => {
      const names = Array.from({ length: 30 }, (_, number) => `r${round}-${number}`);
      for (const name of names) await tell(program, 'start', name);
      await pause(60);
      for (const name of names) await tell(program, 'end', name);
    };
    await together(1);
    // What has ended is under way to the agent, which is to judge it by the first limit.
    await pause(1000);
    await agent.reload(config(1000));
    // A new limit is a new rate: what may leave grows by it.
    await pause(1000);
    await together(2);
    await agent.count(30, ({ name }) => name.startsWith('r2-'));
    const summary = await agent.stop();
    const ofRound = (round: number): number =>
      agent.spans.filter(({ name }) => name.startsWith(`r${round}-`)).length;
    assert.ok(ofRound(1) >= 3 && ofRound(1) < 30, `${ofRound(1)} of the first 30`);
    assert.equal(ofRound(2), 30);
    assert.equal(summary.annotated, ofRound(1) + ofRound(2));
    assert.equal(summary.dropped('limit_annotated_per_second'), 60 - summary.annotated);
  });
});
