/** `capture: blocking`: what the agent says of real programs when it sees their waits only, with no tracepoint of system calls. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, wait, type SlowSpan } from '../helpers/agent.js';
import { root } from '../helpers/compile.js';
import { cgroupRoot, isBuiltIn, mustHaveCompat } from '../helpers/kernel.js';
import { compileAgainstLibslt } from '../helpers/libslt-program.js';
import { attachedBy, systemCallsAttached } from '../helpers/links.js';
import { endPrograms } from '../helpers/program.js';
import { assertOnlyWaits, inCall, namesOfWaits, USER, Waiter } from '../helpers/waits.js';

const ASKED_MS = 200;
/** On a busy machine the thread may come to its wait late; never is one longer than its span. */
const LEAST_US = 0.5 * ASKED_MS * 1000;
const STOPPED_MS = 200;

const CLASS_OF = { nanosleep: 'blocked.sleep', futex: 'blocked.lock', pipe: 'blocked.ipc' } as const;

const config = {
  threshold: '20ms',
  rules: [{ service: 'strict', threshold: '2ms' }],
  filter: { users: [USER] },
  data: { arguments: 'full' },
  limits: { annotated_per_second: 1000 },
};

/** The one wait of the span, and the class of the account that holds its time and nothing else. */
function assertWaited(span: SlowSpan, call: string, ofClass: string): void {
  assertOnlyWaits(span);
  assert.deepEqual(namesOfWaits(span), [call]);
  const waited = wait(span, call)?.time_us ?? 0;
  assert.ok(waited >= LEAST_US, `${waited} µs in ${call}`);
  assert.ok(waited <= span.wall_ms * 1000);
  const inClass = span.time_total[ofClass] ?? 0;
  assert.ok(Math.abs(inClass - waited) <= 2, `${inClass} µs ${ofClass}, ${waited} µs in ${call}`);
}

describe('the agent, when it captures waits', () => {
  let agent: Agent;
  let folder: string;
  let paths: { readonly waits: string; readonly rare: string };
  let waits: Waiter;
  let rare: Waiter;

  before(async () => {
    paths = { waits: compileAgainstLibslt('waits'), rare: compileAgainstLibslt('rare_waits') };
    // Not in memory: fsync must have a disk to wait for.
    folder = mkdtempSync(join(root, 'build', 'agent-captures-'));
    chownSync(folder, USER, USER);
    agent = await Agent.start({ config, args: ['--capture', 'blocking'] });
    waits = await Waiter.start(agent, paths.waits, 'waits', { folder });
    rare = await Waiter.start(agent, paths.rare, 'rare');
    await waits.warm();
  });
  after(async () => {
    await endPrograms();
    rmSync(folder, { recursive: true, force: true });
  });

  it('attaches the tracepoints of scheduling, and none of system calls', async () => {
    await waits.whole('nanosleep 30');
    const attached = attachedBy(agent.pid);
    assert.ok(attached.includes('sched_switch') && attached.includes('sched_wakeup'), attached.join());
    assert.deepEqual(systemCallsAttached(agent.pid), []);
  });

  for (const [what, call, ofClass, descriptor] of [
    ['nanosleep', 'nanosleep', 'blocked.sleep', undefined],
    ['futex', 'futex', 'blocked.lock', undefined],
    ['pipe', 'read', 'blocked.ipc', 'pipe'],
    ['poll', 'poll', 'blocked.ipc', 'pipe'],
    ['vfork', 'vfork', 'blocked.child', undefined],
  ] as const) {
    it(`names ${what === 'pipe' ? 'a read of a pipe' : what}, and times it`, async () => {
      const span = await waits.whole(`${what} ${ASKED_MS}`);
      assertWaited(span, call, ofClass);
      assert.equal(wait(span, call)?.count, 1);
      assert.equal(span.calls[0]?.attributes['slt.syscall.descriptor.kind'], descriptor);
      assert.match(span.cause.text, new RegExp(` in ${call}\\b`));
    });
  }

  it('names fsync, whose time is the disk’s', async () => {
    const span = await waits.whole('fsync 60');
    assertOnlyWaits(span);
    assert.deepEqual(
      namesOfWaits(span).filter((name) => name !== 'pwrite64'),
      ['fsync'],
    );
    const disk = span.time_total['blocked.disk'] ?? 0;
    const waited = span.waits.calls.reduce((sum, { time_us }) => sum + time_us, 0);
    assert.ok(disk > 0 && Math.abs(disk - waited) <= 2, `${disk} µs of disk, ${waited} µs of waits`);
    const kept = span.calls.filter(({ name }) => name === 'fsync');
    assert.ok(kept.some(({ attributes }) => attributes['file.path'] === join(folder, 'blocks')));
  });

  it('names a call of the 32-bit table as what it is there', async function () {
    if ((await waits.tell('compat 30')) === 'none') {
      assert.ok(!mustHaveCompat(), 'the kernel was built with IA32 emulation');
      this.skip(); // no IA32 emulation
    }
    assertWaited(await waits.whole(`compat ${ASKED_MS}`), 'nanosleep', 'blocked.sleep');
  });

  for (const [what, number] of [
    ['nanosleep', 35],
    ['compat', 162],
  ] as const) {
    it(`keeps the name of a call that goes on after a stop: ${what}`, async function () {
      if (what === 'compat' && !mustHaveCompat()) this.skip(); // no IA32 emulation
      const span = await waits.whole(`${what} ${4 * ASKED_MS}`, async () => {
        await inCall(waits.program.pid, number);
        waits.program.signal('SIGSTOP');
        await pause(STOPPED_MS);
        waits.program.signal('SIGCONT');
      });
      assertWaited(span, 'nanosleep', 'blocked.sleep');
      assert.ok((wait(span, 'nanosleep')?.count ?? 0) >= 2, 'before the stop and after it');
      assertStopped(span);
    });
  }

  it('says of a frozen cgroup that the thread was stopped, and names no wait after it', async function () {
    const cgroups = cgroupRoot();
    if (cgroups === undefined) this.skip(); // no cgroup v2
    const cgroup = join(cgroups, `sltagent-test-${process.pid}`);
    mkdirSync(cgroup);
    try {
      const freeze = (value: 0 | 1): void => writeFileSync(join(cgroup, 'cgroup.freeze'), String(value));
      const frozen = await Waiter.start(agent, paths.waits, 'frozen', { folder, cgroup });
      const span = await frozen.whole(`nanosleep ${4 * ASKED_MS}`, async () => {
        await inCall(frozen.program.pid, 35);
        freeze(1);
        await pause(STOPPED_MS);
        freeze(0);
      });
      await frozen.program.kill();
      assertWaited(span, 'nanosleep', 'blocked.sleep');
      assertStopped(span);
    } finally {
      rmdirSync(cgroup);
    }
  });

  it('never names the time in the run queue, also of a thread that is preempted in a call', async () => {
    const span = await waits.whole(`getppid ${2 * ASKED_MS}`);
    assertOnlyWaits(span);
    assert.deepEqual(namesOfWaits(span), []);
    // Half of the time is the other's, which never sleeps.
    assert.ok((span.time_total['runqueue.preempted'] ?? 0) >= LEAST_US / 2, JSON.stringify(span.time_total));
    assert.equal(span.cause.call, null);
  });

  it('says of a thread that yields that it yielded, and names no wait', async () => {
    const span = await waits.whole(`yield ${2 * ASKED_MS}`);
    assertOnlyWaits(span);
    assert.deepEqual(namesOfWaits(span), []);
    assert.ok((span.time_total['runqueue.yielded'] ?? 0) >= LEAST_US / 2, JSON.stringify(span.time_total));
  });

  it('says page fault of one that another thread brings the page for, and names no call', async function () {
    const told = await rare.tell('fault 1');
    if (told.startsWith('none')) {
      assert.ok(!told.includes('not implemented') || !isBuiltIn('CONFIG_USERFAULTFD'), told);
      this.skip(); // no userfaultfd, or it is forbidden here
    }
    const span = await rare.whole(`fault ${ASKED_MS}`);
    assertOnlyWaits(span);
    assert.deepEqual(namesOfWaits(span), []);
    assert.ok((span.time_total['blocked.page_fault'] ?? 0) >= LEAST_US, JSON.stringify(span.time_total));
    assert.equal(span.cause.type, 'page_fault');
  });

  it('tells the wait of a thread in io_uring_enter, and none of the worker that reads for it', async function () {
    const told = await rare.tell('ring 1');
    if (told.startsWith('none')) {
      assert.ok(!told.includes('not implemented') || !isBuiltIn('CONFIG_IO_URING'), told);
      this.skip(); // no io_uring, or it is forbidden here
    }
    const span = await rare.whole(`ring ${ASKED_MS}`);
    assertWaited(span, 'io_uring_enter', 'blocked.poll');
    assert.equal((span.attributes['slt.threads'] as string[]).length, 1);
  });

  it('tells the waits of a thread that has exited within its span', async () => {
    const span = await waits.whole(`exit ${ASKED_MS}`);
    assertWaited(span, 'nanosleep', 'blocked.sleep');
    assert.notEqual(span.calls[0]?.attributes['thread.id'], span.attributes['thread.id']);
  });

  it('tells what a thread waited for until its process was killed', async () => {
    const doomed = await Waiter.start(agent, paths.waits, 'doomed', { folder });
    const open = await doomed.tell('begin 0');
    doomed.program.say('nanosleep 60000');
    await inCall(doomed.program.pid, 35);
    await pause(ASKED_MS);
    await doomed.program.kill();
    const span = await doomed.span(open);
    assert.equal(span.state, 'process_died');
    assert.equal(span.capture.mode, 'blocking');
    assert.deepEqual(span.totals.calls, []);
    if (!span.gaps.includes('switch_missed'))
      assert.ok((wait(span, 'nanosleep')?.time_us ?? 0) >= LEAST_US, JSON.stringify(span.waits));
  });

  it('holds spans against the threshold of their service', async () => {
    const strict = await Waiter.start(agent, paths.waits, 'strict', { folder });
    await strict.whole('nanosleep 30');
    const lax: string[] = [];
    for (let round = 0; round < 20; round++) {
      lax.push(await waits.tell('nanosleep 5'));
      const slow = await strict.tell('nanosleep 5');
      assert.equal((await strict.span(slow)).service, 'strict');
    }
    // All have ended; one that is slow by no rule is not told after the next one either.
    await waits.whole('nanosleep 30');
    const told = agent.spans.filter(({ span_id }) => lax.includes(span_id));
    // On a busy machine a short sleep may take long.
    assert.ok(told.every(({ wall_ms }) => wall_ms >= 20));
    assert.ok(told.length < lax.length, 'some were as short as they should');
  });

  it('has attached no tracepoint of system calls in all of this, nor lost a span', async () => {
    assert.deepEqual(systemCallsAttached(agent.pid), []);
    const summary = await agent.stop();
    assert.equal(summary.kernel('spans_sent'), agent.spans.length + summary.dropped('below_rule'));
  });
});

describe('the agent, when it captures the waits of some calls', () => {
  afterEach(endPrograms);

  for (const [syscalls, told, untold] of [
    ['nanosleep,futex', ['nanosleep', 'futex'], ['pipe']],
    ['!futex', ['nanosleep', 'pipe'], ['futex']],
    ['time,!nanosleep', [], ['nanosleep', 'futex']],
  ] as const) {
    it(`tells those that are asked for, and all of the time: ${syscalls}`, async () => {
      const agent = await Agent.start({ config, args: ['--capture', 'blocking', '--syscalls', syscalls] });
      const waits = await Waiter.start(agent, compileAgainstLibslt('waits'), 'some');
      await waits.warm();
      for (const what of [...told, ...untold]) {
        const span = await waits.whole(`${what} ${ASKED_MS}`);
        assertOnlyWaits(span);
        const call = what === 'pipe' ? 'read' : what;
        const isTold = told.some((name) => name === what);
        assert.deepEqual(namesOfWaits(span), isTold ? [call] : []);
        assert.equal(span.attributes['slt.waits.count'], isTold ? 1 : 0);
        assert.deepEqual(
          span.calls.map(({ name }) => name),
          isTold ? [call] : [],
        );
        assert.ok((span.time_total[CLASS_OF[what]] ?? 0) >= LEAST_US, JSON.stringify(span.time_total));
      }
      await agent.stop();
    });
  }
});

function assertStopped(span: SlowSpan): void {
  const stopped = span.time_total['stopped'] ?? 0;
  assert.ok(stopped >= 0.75 * STOPPED_MS * 1000, `stopped for ${stopped} µs`);
}
