/** Who takes part, and how much one process and one user may: anybody can map libslt and make up spans. */
import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, type Summary } from '../helpers/agent.js';
import { burst, inFlight, USER } from '../helpers/burst.js';
import { cgroupRoot } from '../helpers/kernel.js';
import { compileAgainstLibslt } from '../helpers/libslt-program.js';
import { endPrograms, type Program } from '../helpers/program.js';

const OTHER = USER + 1_000_000;
const filter = { users: [USER, OTHER] };

async function whole(program: Program, count: number, milliseconds: number): Promise<void> {
  await inFlight(program, count, milliseconds);
  assert.equal(await program.next(), 'ended');
}

/** The first process attaches the tracepoints, which a test shall not wait for in its second. */
async function warm(program: Program): Promise<void> {
  await whole(program, 1, 1);
  await pause(1100);
}

function assertBalanced(summary: Summary): void {
  const { kernel, dropped } = summary;
  assert.equal(kernel('spans_started'), kernel('spans_fast') + kernel('spans_slow'));
  assert.equal(
    kernel('spans_slow'),
    kernel('spans_sent') +
      dropped('span_ring_full') +
      dropped('span_bytes_process') +
      dropped('span_bytes_user'),
  );
  assert.equal(kernel('spans_sent'), summary.annotated + dropped('reader_behind') + dropped('below_rule'));
}

describe('the agent, of what it is asked to leave out', () => {
  let program: string;

  before(() => {
    program = compileAgainstLibslt('burst');
  });
  afterEach(endPrograms);

  describe('by cgroup', () => {
    const folders: string[] = [];
    afterEach(async () => {
      await endPrograms();
      for (const folder of folders.splice(0).reverse()) rmdirSync(folder);
    });

    function make(folder: string): string {
      mkdirSync(folder);
      folders.push(folder);
      return folder;
    }

    const root = cgroupRoot();
    if (root === undefined) {
      // The kernel's other cgroups have no id that the programs could compare.
      it.skip('cannot be tested: no cgroup v2 is mounted here');
      return;
    }

    it('follows processes of the cgroups that were chosen and of those below them, and no others', async () => {
      const path = `/slt-test-${process.pid}`;
      const chosen = make(`${root}${path}`);
      const below = make(`${chosen}/below`);
      // The name begins alike: what is compared is not the path.
      const beside = make(`${root}${path}-beside`);
      const agent = await Agent.start({
        config: { filter: { ...filter, cgroups: [path] }, threshold: '40ms' },
      });
      const inside = await burst(program, { cgroup: chosen });
      const deeper = await burst(program, { cgroup: below });
      const outside = await burst(program, { cgroup: beside });
      const nowhere = await burst(program);
      await whole(outside, 3, 60);
      await whole(nowhere, 3, 60);
      await whole(inside, 2, 60);
      await whole(deeper, 5, 60);
      await agent.count(7, () => true);
      const summary = await agent.stop();
      assert.equal(summary.annotated, 7);
      assert.equal(summary.kernel('processes'), 2);
      assert.ok(summary.dropped('process_filtered') > 0);
      assert.deepEqual(
        [inside.pid, deeper.pid].map(
          (pid) => agent.spans.filter(({ attributes }) => attributes['thread.id'] === pid).length,
        ),
        [2, 5],
      );
    });

    it('lets go of a process whose cgroup is not chosen any more', async () => {
      const path = `/slt-test-${process.pid}`;
      const before = make(`${root}${path}`);
      make(`${root}${path}-after`);
      const config = (cgroup: string): object => ({
        filter: { ...filter, cgroups: [cgroup] },
        threshold: '40ms',
      });
      const agent = await Agent.start({ config: config(path) });
      const followed = await burst(program, { cgroup: before });
      await whole(followed, 2, 60);
      await inFlight(followed, 3, 500);
      await agent.reload(config(`${path}-after`));
      assert.equal(await followed.next(), 'ended');
      await whole(followed, 4, 60);
      await agent.count(5, () => true);
      const summary = await agent.stop();
      assert.equal(summary.kernel('spans_started'), 5);
      assert.equal(summary.annotated, 5);
    });
  });

  describe('by spans in a second', () => {
    const config = {
      filter,
      threshold: '40ms',
      limits: { spans_per_second: 100, annotated_per_second: 100_000 },
    };

    it('follows as many of one process as it may have, and counts the rest', async () => {
      const agent = await Agent.start({ config });
      const greedy = await burst(program);
      const modest = await burst(program);
      await warm(greedy);
      await inFlight(greedy, 300, 60);
      await whole(modest, 50, 60);
      assert.equal(await greedy.next(), 'ended');
      const summary = await agent.stop();
      const left = summary.dropped('span_rate_process');
      assert.ok(left >= 100 && left <= 200, `${left} of 300 are past the limit of one second, or two`);
      assert.equal(summary.dropped('span_rate_user'), 0);
      assert.equal(summary.kernel('spans_started'), 1 + 350 - left);
      assertBalanced(summary);
    });

    it('follows as many of one user as four processes may have, and another user’s all the same', async () => {
      const agent = await Agent.start({ config });
      const many: Program[] = [];
      for (let i = 0; i < 6; i++) many.push(await burst(program));
      const other = await burst(program, { uid: OTHER });
      for (const one of many.slice(0, 1)) await warm(one);
      await Promise.all([...many, other].map((one) => whole(one, 100, 60)));
      const summary = await agent.stop();
      assert.equal(summary.dropped('span_rate_process'), 0);
      const left = summary.dropped('span_rate_user');
      assert.ok(left > 0 && left <= 200, `${left} of 600`);
      assert.equal(summary.kernel('spans_started'), 1 + 700 - left);
      assertBalanced(summary);
    });
  });

  describe('by bytes in a second', () => {
    const config = {
      filter,
      // Many spans in a second, also on a slow machine.
      threshold: '10ms',
      limits: { kernel_memory: '8MiB', spans_per_second: 100_000, annotated_per_second: 100_000 },
    };
    /** Few enough for the ring, which is emptied in between. */
    const SPANS = 100;

    it('sends no more of one process than its share, and counts the spans that it leaves out', async () => {
      const agent = await Agent.start({ config });
      const greedy = await burst(program);
      await warm(greedy);
      for (let round = 0; round < 30; round++) await whole(greedy, SPANS, 12);
      const modest = await burst(program);
      await whole(modest, 10, 12);
      const summary = await agent.stop();
      assert.ok(summary.dropped('span_bytes_process') > 0, JSON.stringify(summary.droppedReasons));
      assert.equal(summary.dropped('span_bytes_user'), 0);
      assertBalanced(summary);
    });

    it('sends no more of one user than its share', async () => {
      const agent = await Agent.start({ config });
      const many: Program[] = [];
      for (let i = 0; i < 16; i++) many.push(await burst(program));
      const [first] = many;
      assert.ok(first !== undefined);
      await warm(first);
      // No process comes near its own share, which is half of the user's.
      for (let round = 0; round < 3; round++) for (const one of many) await whole(one, SPANS, 12);
      const summary = await agent.stop();
      assert.ok(summary.dropped('span_bytes_user') > 0, JSON.stringify(summary.droppedReasons));
      assert.equal(summary.dropped('span_bytes_process'), 0);
      assertBalanced(summary);
    });
  });
});
