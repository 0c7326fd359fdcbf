/** What the end of a child brings to its parent, and what it must not take away. */
import assert from 'node:assert/strict';
import { Agent, missedSwitch, total, type SlowSpan } from '../helpers/agent.js';
import { compileAgainstLibslt } from '../helpers/libslt-program.js';
import { endPrograms, Program } from '../helpers/program.js';

describe('the agent, of a span with a child', () => {
  let program: string;

  before(() => void (program = compileAgainstLibslt('steps')));
  afterEach(endPrograms);

  /** Runs the steps once more, without a word in between that would take its time; the parent's span is the one that is told. */
  type Run = (...steps: readonly string[]) => Promise<SlowSpan>;

  async function started(agent: Agent): Promise<Run> {
    const steps = new Program([program]);
    assert.equal(await steps.next(), 'ready');
    return async (...told) => {
      const before = agent.spans.length;
      const line = told.join(';');
      steps.say(line);
      assert.equal(await steps.next(), line);
      return agent.span((span) => span.name === 'steps' && agent.spans.indexOf(span) >= before);
    };
  }

  it('keeps the latest calls of the span itself, whatever calls its fast children bring', async () => {
    const agent = await Agent.start({ config: { threshold: '80ms' } });
    await agent.attached();
    const run = await started(agent);
    const child = ['child start', 'child work', 'calls 1', 'work', 'child end'];
    const span = await run('start', 'work', 'naps 100', ...child, 'calls 100', 'leave', 'end');
    await agent.stop();
    if (missedSwitch(span)) return;
    assert.equal(total(span, 'getppid')?.count, 101);
    const kept = span.calls.filter(({ name }) => name === 'getppid').length;
    assert.ok(kept >= 16, `${kept} of the last 100 calls are told one by one`);
  });

  it('says that the calls of a child are not in the totals while the kernel does not know its threshold, and has them once it does', async () => {
    // The rule of another service makes 10 ms slow by the lowest threshold of all, and fast by the child's own.
    const config = { threshold: '80ms', rules: [{ service: 'another', threshold: '5ms' }] };
    const agent = await Agent.start({ config });
    await agent.attached();
    const run = await started(agent);
    const steps = [
      ...['start', 'work', 'child start', 'child work', 'calls 100', 'naps 10', 'work', 'child end'],
      ...['naps 100', 'calls 1', 'leave', 'end'],
    ];
    const first = await run(...steps);
    const later = await run(...steps);
    const summary = await agent.stop();
    assert.ok(summary.dropped('below_rule') >= 1, 'the first child was fast by its own rule');
    assert.ok(first.gaps.includes('child_calls_left_out'));
    assert.ok(!later.gaps.includes('child_calls_left_out'));
    if (!missedSwitch(first)) assert.equal(total(first, 'getppid')?.count, 1);
    if (!missedSwitch(later)) assert.equal(total(later, 'getppid')?.count, 101);
  });
});
