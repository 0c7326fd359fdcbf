import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../helpers/compile.js';
import { until } from '../helpers/until.js';
import { libslt } from '../native/libslt-programs.js';
import {
  buildPythonLibrary,
  inWords,
  python,
  Recording,
  site,
  type Ended,
  type RunOptions,
} from './python-recording.js';

const SAMPLED = 1;
const PARENT_REMOTE = 2;

interface SpanOfProgram {
  span: string;
  trace: string;
  start: string;
  end: string;
}

interface Checks {
  right: number;
  wrong: string[];
}

describe('the Python library', () => {
  let recording: Recording;

  before(buildPythonLibrary);
  beforeEach(() => (recording = new Recording()));
  afterEach(() => recording.close());

  /** Runs a program that must end well and complain of nothing. */
  async function run(name: string, options: RunOptions = {}): Promise<string> {
    const { stdout, ...ended } = await recording.run(name, options);
    assert.deepEqual(ended, { status: 0, signal: null, stderr: '' });
    return stdout;
  }

  async function expectAllRight(name: string, atLeast: number, options: RunOptions = {}): Promise<void> {
    const { right, wrong } = JSON.parse((await run(name, options)).split('\n').at(-2) ?? '') as Checks;
    assert.deepEqual(wrong, []);
    assert.ok(right >= atLeast, `only ${right} checks were made`);
  }

  describe('announces spans', () => {
    it('in the order in which they start, become current and end', async () => {
      await run('sequence');
      const renamed = `end GET /straße/${'é'.repeat(25)}`; // 13 + 50 bytes of 64: the next would be cut in two
      assert.deepEqual(inWords(recording.hits()), [
        'process',
        'start outer',
        'context outer',
        'start inner',
        'context inner',
        'context outer',
        renamed,
        'context -',
        'end outer',
      ]);
    });

    it('when the SDK is the first that is imported, also where that fails at first', async () => {
      const all = ['process', 'start alone', 'context alone', 'context -', 'end alone'];
      await run('sdk_first');
      assert.deepEqual(inWords(recording.hits()), all);
      await run('sdk_first', { env: { SLT_TEST_FAIL_FIRST: '1' } });
      assert.deepEqual(inWords(recording.hits()), [...all, ...all]);
    });

    it('with the ids, parent, kind, flags and times that the SDK gives them', async () => {
      const { outer, inner } = JSON.parse(await run('sequence')) as Record<'outer' | 'inner', SpanOfProgram>;
      const [, startOuter, , startInner, , , endInner, , endOuter] = recording.hits();
      assert.ok(startOuter && startInner && endInner && endOuter);

      assert.deepEqual([startOuter.span, startOuter.trace], [outer.span, outer.trace]);
      assert.deepEqual([startInner.span, startInner.trace], [inner.span, outer.trace]);
      assert.deepEqual([startOuter.parent, startInner.parent], ['0'.repeat(16), outer.span]);
      assert.deepEqual([startOuter.kind, startInner.kind], [2, 1]); // OTLP: SERVER, INTERNAL
      assert.deepEqual([startOuter.flags, startInner.flags], [SAMPLED, SAMPLED]);
      assert.deepEqual([endInner.span, endOuter.span], [inner.span, outer.span]);
      for (const [hit, span] of [
        [endInner, inner],
        [endOuter, outer],
      ] as const) {
        assert.equal(hit.startNs, BigInt(span.start));
        const before = BigInt(span.end) - hit.endNs;
        assert.ok(before >= 0n && before < 10_000_000_000n, `announced ${before} ns before the SDK's end`);
      }
    });

    it("with their provider's resource: service.name first, what is no text as marked JSON, what has no room left out", async () => {
      await run('sequence');
      const ends = recording.hits().filter(({ site }) => site === 'end');
      assert.deepEqual(
        ends.map(({ resource, resourceText }) => [resource, resourceText]),
        Array(2).fill([1, 'service.name|shop|list|\u0001[1,2]|ratio|\u00010.5|mark|\u0001"\\u0001x"|']),
      );
    });

    it('once, however often they are started and ended, and also when they end by an exception', async () => {
      const plain = await recording.run('ends', { site: undefined });
      const followed = await recording.run('ends');
      assert.deepEqual(followed, plain); // with the SDK's own warnings
      assert.equal(followed.status, 0);
      assert.deepEqual(
        inWords(recording.hits()).filter((words) => !words.startsWith('context')),
        [
          'process',
          ...[
            'twice',
            'raised',
            'told when',
            'refused',
            'floating',
            'negative',
            'after',
            'by keyword',
            'last',
          ].flatMap((name) => [`start ${name}`, `end ${name}`]),
        ],
      );
      const toldWhen = recording.hits().find(({ site, name }) => site === 'end' && name === 'told when');
      assert.ok(toldWhen);
      assert.equal(toldWhen.endNs - toldWhen.startNs, 1_000_000n);
      const mistaken = recording.hits().filter(({ name }) => name === 'floating' || name === 'negative');
      assert.deepEqual(
        mistaken.map(({ startNs }) => startNs),
        [0n, 0n, 0n, 0n],
      );
      for (const { site, endNs } of mistaken)
        assert.equal(site === 'end', endNs > 1_700_000_000_000_000_000n);
    });

    it('never as started after they have ended', async () => {
      await run('ended_at_start');
      const words = inWords(recording.hits());
      assert.ok(!words.slice(words.indexOf('end short')).includes('start short'), words.join(', '));
    });

    it('only when they are sampled; what is not, or lives elsewhere, is no context', async () => {
      await run('sampling');
      assert.deepEqual(inWords(recording.hits()), [
        'process',
        'context -',
        'start child',
        'context child',
        'context -', // the inner span, which is not sampled
        'context child',
        'context -',
        'end child',
      ]);
      const child = recording.hits().find(({ site }) => site === 'start');
      assert.ok(child);
      assert.equal(child.flags, SAMPLED | PARENT_REMOTE);
      assert.deepEqual([child.parent, child.trace], ['def'.padStart(16, '0'), 'abc'.padStart(32, '0')]);
    });

    it('as ended before a processor exports them', async () => {
      assert.equal(await run('exporting'), 'announced\n');
    });
  });

  describe('follows the current span', () => {
    it('through the task switches of asyncio', () => expectAllRight('switching', 8 * 15));
    it('through those of uvloop, imported before or after the SDK', async () => {
      await expectAllRight('uvloop_tasks', 2 * 15);
      await expectAllRight('uvloop_tasks', 2 * 15, { env: { SLT_TEST_LATE: '1' } });
    });
    it('through contexts that the program runs by itself, which work as ever', async () => {
      await expectAllRight('contexts', 11);
      const plain = await recording.run('contexts', { site: undefined });
      assert.deepEqual(plain.stdout.split('\n').slice(0, 3), [
        'of the application',
        'RuntimeError',
        'TypeError',
      ]);
    });

    it('in the threads of a pool, each by what was handed to it', async () => {
      await expectAllRight('pool', 8 * 4 + 1);
      const hits = recording.hits();
      const elsewhere = hits.filter(({ name }) => name === 'ended elsewhere');
      assert.deepEqual(
        elsewhere.map(({ site }) => site),
        ['start', 'end'],
      );
      assert.notEqual(elsewhere[0]?.tid, elsewhere[1]?.tid);
      assert.equal(hits.filter(({ site }) => site === 'process').length, 1);
    });
  });

  describe('takes part in every process', () => {
    it('that a program forks or spawns, each announced once', async () => {
      const [forked, ...started] = JSON.parse(await run('forks')) as number[];
      const of = (pid: number | undefined) => inWords(recording.hits().filter((hit) => hit.pid === pid));
      assert.deepEqual(of(forked), [
        'process',
        'start in the fork',
        ...['context in the fork', 'context of no span that started', 'end in the fork'],
      ]);
      assert.equal(started.length, 2);
      for (const pid of started) {
        assert.deepEqual(
          of(pid).filter((words) => !words.startsWith('context')),
          ['process', 'start in a process', 'end in a process'],
        );
      }
    });

    it('of gunicorn under opentelemetry-instrument, and says which of them answered', async () => {
      const bin = join(python, '..');
      const server = recording.start(
        join(bin, 'opentelemetry-instrument'),
        [
          join(bin, 'gunicorn'),
          ...['--preload', '--workers', '2', '--threads', '4', '--bind', '127.0.0.1:0'],
          ...['--chdir', join(root, 'test', 'fixtures', 'python'), 'forking:app'],
        ],
        {
          env: {
            OTEL_SERVICE_NAME: 'forking',
            OTEL_TRACES_EXPORTER: 'none',
            OTEL_METRICS_EXPORTER: 'none',
            OTEL_LOGS_EXPORTER: 'none',
          },
        },
      );
      let log = '';
      server.stdout?.resume();
      server.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
      const address = (): string | undefined => /Listening at: (http:\S+)/.exec(log)?.[1];
      await until(() => address() !== undefined, 'the address of the server').catch((error: unknown) =>
        assert.fail(`${String(error)}\n${log}`),
      );
      const url = address();

      const answers = await Promise.all(
        Array.from({ length: 12 }, async () => {
          const response = await fetch(`${url}/sleep`);
          return (await response.json()) as { pid: number; trace_id: string; span_id: string };
        }),
      );
      const ended = new Map(recording.hits().flatMap((hit) => (hit.site === 'end' ? [[hit.span, hit]] : [])));
      for (const { pid, trace_id, span_id } of answers) {
        const hit = ended.get(span_id);
        assert.ok(hit !== undefined, `the end of ${span_id} was not announced\n${log}`);
        assert.deepEqual([hit.pid, hit.trace, hit.name, hit.kind], [pid, trace_id, 'GET /sleep', 2]);
        assert.match(hit.resourceText, /^service\.name\|forking\|/);
      }
      const workers = new Set(answers.map(({ pid }) => pid));
      for (const pid of workers) {
        const announced = recording.hits().filter((hit) => hit.site === 'process' && hit.pid === pid);
        assert.equal(announced.length, 1);
      }
    });
  });

  describe('leaves the service as it is', () => {
    const results = ({ status, signal, stdout, stderr }: Ended) => ({ status, signal, stderr, stdout });

    it('while no agent is attached', async () => {
      for (const name of ['ends', 'sampling', 'without_sdk', 'broken']) {
        const plain = await recording.run(name, { site: undefined, recorder: false });
        assert.equal(plain.status, 0, plain.stderr);
        const followed = await recording.run(name, { env: { SLT_TEST_DETACHED: '1' } });
        assert.deepEqual(results(followed), results(plain), name);
      }
      assert.deepEqual(recording.hits(), []);
    });

    it('and tells an agent that comes later what holds from then on', async () => {
      await run('attaching', { env: { SLT_TEST_DETACHED: '1' } });
      const unknown = 'context of no span that started';
      assert.deepEqual(inWords(recording.hits()), [
        ...['process', 'start first agent', 'context first agent', unknown, 'end first agent'],
        ...['process', 'start second agent', 'context second agent', unknown, 'end second agent'],
        ...[unknown, 'end nobody again', 'context -', 'end nobody there'],
      ]);
    });

    it('when the SDK is never imported', async () => {
      assert.equal(await run('without_sdk'), 'False\n');
      assert.deepEqual(recording.hits(), []);
    });

    it('whose other libraries are not bound to the symbols of libslt', async () => {
      assert.equal(await run('global_symbols', { recorder: false }), '[]\n');
    });

    it('when a span is not as expected: then it falls silent', async () => {
      assert.equal(await run('broken'), 'works\n');
      assert.deepEqual(inWords(recording.hits()), [
        ...['process', 'start whole', 'context whole', 'start broken', 'context broken', 'context whole'],
        'context -', // it cannot go on, so the thread works for nothing that it knows of
      ]);
    });

    it('when there is no extension for its interpreter', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'slt-site-'));
      try {
        cpSync(site, folder, { recursive: true });
        const plain = await recording.run('ends', { site: undefined });
        const alone = await recording.run('ends', { site: folder });
        assert.deepEqual(results(alone), results(plain));
        assert.deepEqual(recording.hits(), []);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });

  describe('is built', () => {
    it('so that a service maps the one libslt that the agent attaches to', async () => {
      // Whatever stands in LD_LIBRARY_PATH.
      const env = { LD_LIBRARY_PATH: join(root, 'build', 'test') };
      assert.equal(await run('mapped', { recorder: false, env }), `${libslt()}\n`);
    });

    it('for an interpreter with headers, and says what to install where they are missing', () => {
      const folder = mkdtempSync(join(tmpdir(), 'slt-interpreter-'));
      try {
        const build = (interpreter: string, answers: string[]) => {
          const path = join(folder, interpreter);
          writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' ${answers.map((a) => `'${a}'`).join(' ')}\n`, {
            mode: 0o755,
          });
          const { status, stderr } = spawnSync(
            'bash',
            [join(root, 'preload-libs', 'python', 'build.sh'), path],
            {
              encoding: 'utf8',
            },
          );
          return { status, stderr };
        };
        const bare = build('bare', [
          'CPython 51056880 0',
          'cpython-311-x86_64-linux-gnu',
          '/nowhere',
          '3.11',
        ]);
        assert.equal(bare.status, 3);
        assert.match(bare.stderr, /\/nowhere\/Python\.h is missing.*apt-get install python3\.11-dev/);
        const old = build('old', ['CPython 50858480 0', 'cpython-38-x86_64-linux-gnu', '/nowhere', '3.8']);
        assert.equal(old.status, 2);
        assert.match(old.stderr, /CPython 3\.8; the Python library is for CPython 3\.9 and later/);
        const threaded = build('threaded', [
          'CPython 51183856 1',
          'cpython-313t-x86_64-linux-gnu',
          '/nowhere',
          '3.13',
        ]);
        assert.equal(threaded.status, 2);
        assert.match(threaded.stderr, /free-threaded/);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});
