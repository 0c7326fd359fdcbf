/** What the agent says of the spans of real programs, held against what the programs did and measured themselves. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Agent,
  assertAddsUp,
  assertCount,
  missedSwitch,
  python,
  Service,
  sum,
  total,
  type SlowSpan,
  type Summary,
} from '../helpers/agent.js';
import { root } from '../helpers/compile.js';
import { endPrograms, type Program } from '../helpers/program.js';
import { PATIENCE_MS } from '../helpers/until.js';

const fixtures = join(root, 'test', 'fixtures', 'python');

/** One answer of agent-programs/reasons.py. */
interface Told {
  readonly trace_id: string;
  readonly span_id: string;
  /** Around the span, and inside of it. */
  readonly wall_us: number;
  readonly inside_us: number;
  readonly cpu_us: number;
  readonly thread: number;
  readonly writes?: number;
  readonly slow?: string;
  readonly fast?: string;
}

interface Case {
  readonly told: Told;
  readonly span: SlowSpan;
}

/** Between the clock that the program reads and the one that its span has, which the SDK asks twice. */
const CLOCKS_US = 1000;

function onCpu(times: Readonly<Record<string, number>>): number {
  return (times['on_cpu.user'] ?? 0) + (times['on_cpu.kernel'] ?? 0);
}

function sumOf(times: Readonly<Record<string, number>>, kind: string): number {
  return sum(Object.fromEntries(Object.entries(times).filter(([name]) => name.startsWith(`${kind}.`))));
}

/** What interrupts and the hypervisor have taken from all CPUs so far; the kernel counts it in hundredths of a second. */
function takenUs(): number {
  const [, , , , , irq = 0, softirq = 0, steal = 0] =
    /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]?.split(' ').map(Number) ?? [];
  return 10_000 * (irq + softirq + steal);
}

/**
 * Python asks for a point in time, so what it waits for a CPU before the call is missing in the call, and what it waits
 * after the timer has rung is no sleep.
 */
function assertSleeps(span: SlowSpan, askedUs: number): void {
  assert.ok(span.wall_ms * 1000 >= askedUs);
  const blocked = total(span, 'clock_nanosleep')?.blocked_us ?? 0;
  assert.ok(blocked >= 0.5 * askedUs, `${span.name}: ${blocked} µs asleep in the call`);
  if (missedSwitch(span)) return;
  const slept = span.time_total['blocked.sleep'] ?? 0;
  assert.ok(Math.abs(slept - blocked) <= 0.01 * blocked, `${slept} and ${blocked} µs asleep`);
}

const THRESHOLD_MS = 40;

describe('the agent, of spans in a Python program', () => {
  let agent: Agent;
  let folder: string;
  let program: Program;
  let summary: Summary | undefined;
  /** Traces of this program: the agent sees whatever else takes part on the machine, too. */
  const traces = new Set<string>();

  before(async () => {
    // Not in memory: fsync must have a disk to wait for.
    folder = mkdtempSync(join(root, 'build', 'agent-spans-'));
    agent = await Agent.start({
      config: {
        threshold: `${THRESHOLD_MS}ms`,
        syscalls: { exclude: ['getppid'] },
        data: { arguments: 'full' },
        limits: { annotated_per_second: 1000 },
      },
    });
    await agent.attached();
    program = await Service.python('reasons', [folder]);
  });

  after(async () => {
    await endPrograms();
    rmSync(folder, { recursive: true, force: true });
  });

  async function run(name: string): Promise<Case> {
    program.say(name);
    const told = JSON.parse(await program.next()) as Told;
    traces.add(told.trace_id);
    const span = await agent.span(({ span_id }) => span_id === told.span_id);
    assert.equal(span.name, name);
    assert.equal(span.trace_id, told.trace_id);
    assertAddsUp(span);
    return { told, span };
  }

  it('accounts for a sleep', async () => {
    const { told, span } = await run('sleep');
    assertSleeps(span, 100_000);
    const wallUs = span.wall_ms * 1000;
    const seen = `${wallUs} µs, by the program ${told.inside_us} to ${told.wall_us} µs`;
    assert.ok(wallUs >= told.inside_us - CLOCKS_US && wallUs <= told.wall_us + CLOCKS_US, seen);
    assert.equal(span.cause.type, 'sleep');
    assertCount(span, 'clock_nanosleep', 1);
  });

  it('accounts for CPU time as the thread’s own clock does', async () => {
    const before = takenUs();
    const { told, span } = await run('burn');
    const taken = takenUs() - before;
    if (missedSwitch(span)) return;
    const seen = onCpu(span.time_total);
    // The CPU clock leaves out what the hypervisor and interrupts took, on all CPUs together at least as much as on this one.
    assert.ok(seen >= 0.97 * told.cpu_us, `${seen} of ${told.cpu_us} µs`);
    assert.ok(
      seen <= 1.25 * told.cpu_us + taken + 5000,
      `${seen} of ${told.cpu_us} µs, ${taken} µs were taken from all`,
    );
  });

  it('accounts for a disk', async () => {
    const { told, span } = await run('disk');
    assertCount(span, 'fsync', told.writes ?? 0);
    assertCount(span, 'write', told.writes ?? 0);
    const fsync = total(span, 'fsync');
    assert.ok((fsync?.time_us ?? 0) >= 55_000, `${fsync?.time_us} µs in fsync`);
    assert.ok((fsync?.max_us ?? 0) <= (fsync?.time_us ?? 0));
    // How much of fsync is sleep depends on the disk; but its sleep is the disk's and nothing else's.
    assert.ok((fsync?.blocked_us ?? 0) > 0);
    const disk = fsync?.blocked_us ?? 0;
    if (!missedSwitch(span))
      assert.ok(Math.abs((span.time_total['blocked.disk'] ?? 0) - disk) < 0.1 * disk + 1000);
    const kept = span.calls.filter(({ name }) => name === 'fsync');
    assert.ok(kept.length > 0);
    for (const { attributes } of kept) {
      const path = attributes['file.path'];
      assert.ok(path === undefined || path === join(folder, 'journal'), String(path));
    }
  });

  it('counts each call exactly, and its failures by errno', async () => {
    const { span } = await run('reads');
    assertCount(span, 'pread64', 500);
    // One file that is there and seven that are not.
    assertCount(span, 'openat', 8);
    assertCount(span, 'fdatasync', 3);
    if (!missedSwitch(span)) {
      assert.deepEqual(
        ['pread64', 'openat', 'fdatasync'].map((call) => total(span, call)?.errors),
        [{}, { ENOENT: 7 }, { EBADF: 3 }],
      );
    }
    assertCount(span, 'close', 1);
    const counted = span.totals.calls.reduce((count, call) => count + call.count, 0);
    assert.equal(span.attributes['slt.syscalls.count'], counted + span.totals.other.count);
  });

  it('keeps the slowest calls of many, and the latest', async () => {
    const { span } = await run('few_slow_among_many');
    const sleeps = span.calls.filter(({ name }) => name === 'clock_nanosleep');
    assert.deepEqual(
      sleeps.map(
        ({ attributes }) => Math.floor((attributes['slt.syscall.duration_us'] as number) / 1000) >= 12,
      ),
      [true, true, true, true, true],
    );
    assertCount(span, 'pread64', 400);
    const reads = span.calls.filter(({ name }) => name === 'pread64');
    assert.ok(reads.length >= 15 && reads.length <= 27, `${reads.length} reads kept`);
    assert.ok(span.calls.length <= 32);
    if (!missedSwitch(span)) {
      assert.equal(span.calls.at(-1)?.name, 'close', 'the last call of the span is among the latest');
    }
  });

  it('leaves out what is excluded, and nothing else', async () => {
    const { span } = await run('excluded');
    assert.equal(total(span, 'getppid'), undefined);
    assertCount(span, 'getpgid', 50);
    assert.ok(!span.calls.some(({ name }) => name === 'getppid'));
    if (!missedSwitch(span)) assert.equal(span.attributes['slt.syscalls.count'], 51);
  });

  it('says of two threads in one span what each did, and of the wall time not more than there was', async () => {
    const { span } = await run('two_threads');
    assertCount(span, 'clock_nanosleep', 2);
    if (missedSwitch(span)) return;
    // Both slept: nearly 200 ms of thread time, and on a machine that lets them in little more than 100 ms.
    const blocked = total(span, 'clock_nanosleep')?.blocked_us ?? 0;
    const slept = span.thread_time['blocked.sleep'] ?? 0;
    assert.ok(
      Math.abs(slept - blocked) <= 0.01 * blocked && blocked >= 120_000,
      `${slept} and ${blocked} µs`,
    );
    assert.equal((span.attributes['slt.threads'] as string[]).length, 2);
  });

  it('accounts for a lock', async () => {
    const { span } = await run('lock');
    const locked = (span.time_total['blocked.lock'] ?? 0) + (span.time_total['blocked.runtime'] ?? 0);
    if (missedSwitch(span)) return;
    // On a busy machine it comes to the lock late, which the timer does not wait for.
    const late = sumOf(span.time_total, 'runqueue');
    assert.ok(locked >= 20_000 && locked + late >= 80_000, JSON.stringify(span.time_total));
  });

  it('gives the calls of a slow child to the child, those of a fast one to the parent', async () => {
    let { told, span } = await run('family');
    // On a busy machine a short span may take long.
    const tookLong = (): boolean => agent.spans.some(({ span_id }) => span_id === told.fast);
    for (let attempt = 1; attempt < 10 && tookLong(); attempt++) ({ told, span } = await run('family'));
    const slow = await agent.span(({ span_id }) => span_id === told.slow);
    assertAddsUp(slow);
    assert.equal(slow.parent_span_id, told.span_id);
    assertCount(slow, 'pread64', 11);
    assertCount(span, 'pread64', 5 + 3);
    assert.equal(span.attributes['slt.child_spans'], 2);
    if (missedSwitch(span) || missedSwitch(slow)) return;
    assertSleeps(slow, 80_000);
    const [inChild = 0, inAll = 0] = [slow, span].map(({ time_total }) => time_total['blocked.sleep']);
    assert.ok(Math.abs(inAll - inChild) < 0.01 * inChild, `${inAll} and ${inChild} µs`);
    assert.ok((span.time['blocked.sleep'] ?? 0) < 20_000, 'the sleep is the child’s, not its own');
  });

  describe('once it has stopped', () => {
    before(async () => {
      summary = await agent.stop();
    });

    it('has annotated no fast span', () => {
      assert.deepEqual(
        agent.spans.filter(({ trace_id, wall_ms }) => traces.has(trace_id) && wall_ms < THRESHOLD_MS),
        [],
      );
    });

    it('has told every span once', () => {
      const ids = agent.spans.map(({ span_id }) => span_id);
      assert.equal(new Set(ids).size, ids.length);
    });

    it('has told each span with the resource that the program set in code', () => {
      const own = agent.spans.filter(({ trace_id }) => traces.has(trace_id));
      const children = own.filter(({ name }) => name.endsWith('child'));
      assert.ok(children.some(({ name }) => name === 'slow child'));
      assert.equal(own.length, traces.size + children.length, 'a span for each, and the children');
      for (const { service, attributes } of own) {
        assert.equal(service, 'reasons');
        assert.equal(attributes['slt.resource_source'], 'provider');
      }
    });

    it('has put every sub-span inside of its span, and called none longer than it was', () => {
      let calls = 0;
      // Another program that takes part on this machine is followed too.
      for (const span of agent.spans.filter(({ trace_id }) => traces.has(trace_id))) {
        const [start, end] = [BigInt(span.start_unix_ns), BigInt(span.end_unix_ns)];
        for (const call of span.calls) {
          calls++;
          const [from, to] = [BigInt(call.start_unix_ns), BigInt(call.end_unix_ns)];
          assert.ok(start <= from && from <= to && to <= end, `${call.name} in ${span.name}`);
          const longest = total(span, call.name)?.max_us;
          const took = call.attributes['slt.syscall.duration_us'] as number;
          assert.ok(took <= (longest ?? 0), `${call.name} in ${span.name}: ${took} of at most ${longest} µs`);
        }
      }
      assert.ok(calls > 100);
    });

    it('has counted what it sent as what it annotated', () => {
      assert.ok(summary !== undefined);
      assert.equal(summary.kernel('spans_sent'), agent.spans.length + summary.dropped('below_rule'));
      assert.equal(summary.annotated, agent.spans.length);
    });
  });
});

describe('the agent, of spans that share threads', () => {
  let agent: Agent;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'agent-spans-'));
    agent = await Agent.start({
      config: { threshold: '60ms', data: { arguments: 'full' }, limits: { annotated_per_second: 1000 } },
    });
    await agent.attached();
  });
  afterEach(async () => {
    await endPrograms();
    rmSync(folder, { recursive: true, force: true });
  });

  it('gives each asyncio task its own calls, and calls its pauses awaiting', async () => {
    const tasks = 8;
    const program = Service.exec([python, join(fixtures, 'tasks.py'), folder, String(tasks)]);
    assert.equal(await program.next(), 'ready');
    program.say('go');
    for (let number = 0; number < tasks; number++) {
      const told = JSON.parse(await program.next()) as { span: string; span_id: string; file: string };
      const span = await agent.span(({ span_id }) => span_id === told.span_id);
      assert.equal(span.name, told.span);
      assertAddsUp(span);
      for (const call of ['openat', 'read', 'close']) {
        assertCount(span, call, 20);
      }
      for (const { attributes } of span.calls) {
        const path = attributes['file.path'];
        assert.ok(path === undefined || path === told.file, `${String(path)} in ${span.name}`);
      }
      if (missedSwitch(span)) continue;
      // It pauses 20 times for 5 ms, which begin before it gives its thread away: it may have to wait for a CPU there.
      const awaited = sumOf(span.time, 'awaiting');
      const paused = awaited + sumOf(span.time, 'runqueue');
      assert.ok(paused >= 95_000 && awaited > 0, `${span.name} awaited ${awaited} µs of ${span.wall_ms} ms`);
      assert.equal(span.time['blocked.poll'], undefined, 'the wait of the loop is nobody’s own');
    }
  });

  it('follows a server through its forks', async () => {
    const server = Service.exec(
      ['opentelemetry-instrument', 'gunicorn', '--preload', '--no-control-socket'].concat(
        ['--chdir', fixtures, '--workers', '2', '--threads', '4', '--bind', '127.0.0.1:0'],
        'forking:app',
      ),
      {
        env: {
          OTEL_SERVICE_NAME: 'forking',
          OTEL_TRACES_EXPORTER: 'none',
          OTEL_METRICS_EXPORTER: 'none',
          OTEL_LOGS_EXPORTER: 'none',
        },
      },
    );
    const url = await server.until(
      () => server.errors.join('\n').match(/Listening at: (http:\S+)/)?.[1],
      'the address of the server',
    );
    const asked = Array.from({ length: 12 }, async () => {
      const response = await fetch(`${url}/sleep`, { signal: AbortSignal.timeout(PATIENCE_MS) });
      return (await response.json()) as { pid: number; span_id: string };
    });
    const workers = new Set<number>();
    for (const { pid, span_id } of await Promise.all(asked)) {
      workers.add(pid);
      const span = await agent.span((found) => found.span_id === span_id);
      assert.equal(span.service, 'forking');
      assert.equal(span.kind, 'server');
      assertAddsUp(span);
      assertSleeps(span, 100_000);
      const threads = readdirSync(`/proc/${pid}/task`);
      assert.ok(
        threads.includes(String(span.attributes['thread.id'])),
        'by a thread of the worker that answered',
      );
    }
    assert.ok(
      workers.size >= 1 && !workers.has(server.pid),
      'workers answer, not the process that forked them',
    );
    server.signal('SIGTERM');
    await server.succeeded();
  });
});
