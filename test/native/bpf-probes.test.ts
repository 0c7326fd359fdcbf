/** The programs at the probe sites, on states that the loss of a switch would bring about: the tests put them into the maps. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readCounters } from '../../agent/src/backend/bpf/counters.js';
import { loadObject, type LoadedObject } from '../../agent/src/backend/bpf/load.js';
import { ProbeSites } from '../../agent/src/backend/bpf/probe-sites.js';
import { controlBlock } from '../../agent/src/backend/bpf/rules.js';
import { installation } from '../../agent/src/cli/installation.js';
import { readHostKernel } from '../../agent/src/host/kernel.js';
import { native } from '../../agent/src/native.js';
import { decodeBatch } from '../../agent/src/wire/decode.js';
import { PartFlag, writeControl, type RecordPart, type RecordSpan } from '../../agent/src/wire/layout.js';
import { configSchema } from '../../schemas/config/schema.js';
import { structsOf } from '../helpers/bpf-structs.js';
import { root } from '../helpers/compile.js';
import { compileAgainstLibslt } from '../helpers/libslt-program.js';
import { endPrograms, Program } from '../helpers/program.js';
import { requireRoot, u32 } from './fixtures.js';

/** Longer than any span whose end a journal tells, shorter than the silence after which a thread traps. */
const LONG_MS = 20;
/** slt_thread.state (bpf/include/state.h). */
const WOKEN = 2;

describe('the programs at the probe sites', () => {
  const struct = structsOf(installation.bpfObject);
  let loaded: LoadedObject;
  let sites: ProbeSites;
  let steps: string;

  before(requireRoot);
  before(() => void (steps = compileAgainstLibslt('steps')));
  beforeEach(() => {
    loaded = loadObject(
      native(),
      { objectPath: installation.bpfObject, kernelMemory: 16 * 2 ** 20, processes: 8 },
      readHostKernel(),
    );
    const block = controlBlock(configSchema.parse({}), loaded.sizes, {
      generation: 1,
      attachedNs: 1n,
      callsAttachedNs: 1n,
      thresholdBeforeNs: 0n,
      highestBeforeNs: 0n,
    });
    // Each span is slow. The tracepoints are said to be attached and are not: a thread's state is what a test makes it.
    loaded.object.map('control').set(u32(0), writeControl({ ...block, thresholdNs: 0n }));
    sites = new ProbeSites(loaded.object, loaded.uprobeMulti);
    sites.attachOwn(join(root, 'build', 'libslt.so'));
  });
  afterEach(async () => {
    await endPrograms();
    loaded.object.close();
  });

  async function program(): Promise<(...steps: string[]) => Promise<void>> {
    const started = new Program([steps]);
    assert.equal(await started.next(), 'ready');
    return async (...told) => {
      for (const step of told) {
        started.say(step);
        assert.equal(await started.next(), step);
      }
    };
  }

  /** As if the scheduler had woken the one thread that is tracked, and its switch-in had not been seen. */
  function missSwitchIn(): void {
    const thread = Buffer.from(loaded.object.map('threads').get(u32(0)) ?? []);
    thread.writeUInt8(WOKEN, struct('slt_thread').at('state'));
    loaded.object.map('threads').set(u32(0), thread);
  }

  /** The spans, and their parts, that are sent while this runs. */
  async function sent(act: () => Promise<void>): Promise<{ parts: RecordPart[]; spans: RecordSpan[] }> {
    const parts: RecordPart[] = [];
    const spans: RecordSpan[] = [];
    const ignored = (): void => undefined;
    const reader = native().drain(loaded.object.map('records'), (batch) =>
      decodeBatch(batch, {
        part: (record) => parts.push(record),
        span: (record) => spans.push(record),
        process: ignored,
        exit: ignored,
        resource: ignored,
        calls: ignored,
        malformed: () => assert.fail('a malformed record'),
      }),
    );
    await act();
    await reader.close();
    return { parts, spans };
  }

  const missed = (): bigint | undefined => readCounters(loaded.object.map('counters')).get('drop.switch');

  for (const last of ['leave', 'end']) {
    it(`tells of a switch-in that was missed before the thread's ${last}, though no switch follows`, async () => {
      const run = await program();
      const { parts } = await sent(async () => {
        await run('start', 'work');
        missSwitchIn();
        await run(last, ...(last === 'end' ? [] : ['end']));
      });
      const [part, ...others] = parts;
      assert.ok(part !== undefined && others.length === 0);
      assert.notEqual(part.flags & PartFlag.LOST, 0);
      assert.equal(missed(), 1n, 'counted once');
    });
  }

  it('says nothing of a miss where there was none, or where it was before the thread worked for the span', async () => {
    const run = await program();
    const { parts } = await sent(async () => {
      await run('start', 'work', 'leave', 'end', 'start');
      missSwitchIn();
      await run('work', 'leave', 'end');
    });
    assert.deepEqual(
      parts.map(({ flags }) => flags & PartFlag.LOST),
      [0, 0],
    );
    assert.equal(missed(), 1n);
  });

  for (const which of ['in', 'out'] as const) {
    it(`knows how long a span was, and that it is not whole, where a switch-${which} was missed while all that is known of it stood in a journal`, async () => {
      sites.setJournals(true);
      const run = await program();
      const { parts, spans } = await sent(async () => {
        // A thread's first context traps.
        await run('start;work;leave;end', 'start;work');
        // Its thread sleeps: what is seen first is that it runs again.
        if (which === 'out') loaded.object.program('sched_switch').attach();
        await pause(LONG_MS);
        if (which === 'in') missSwitchIn();
        await run('leave;end');
      });
      const span = spans.at(-1);
      assert.ok(span !== undefined && span.endedNs - span.startedNs >= BigInt(LONG_MS) * 1_000_000n);
      assert.notEqual((parts.at(-1)?.flags ?? 0) & PartFlag.LOST, 0);
      assert.equal(missed(), 1n);
    });
  }
});
