/** The addon built with AddressSanitizer and UndefinedBehaviorSanitizer, under its other tests; and what it leaves behind. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compileC, root } from '../helpers/compile.js';
import { PATIENCE_MS } from '../helpers/until.js';
import { requireRoot } from './fixtures.js';
import type { LeakReport } from './leak-child.js';

const run = promisify(execFile);
const addon = join(root, 'agent', 'native', 'build', 'Debug', 'sltagent.node');
const here = fileURLToPath(new URL('.', import.meta.url));

/** Makes the Debug build, which is the one with sanitizers; does little where it is up to date. */
function buildAddon(): void {
  const gyp = join(root, 'node_modules', '.bin', 'node-gyp');
  const folder = join(root, 'agent', 'native');
  const build = ['build', '--debug', '--jobs', '2'];
  const configured = existsSync(join(folder, 'build', 'config.gypi'));
  const commands = configured ? [build] : [['configure', '--nodedir=/usr'], build];
  const { MAKEFLAGS: _flags, MFLAGS: _more, MAKELEVEL: _level, ...env } = process.env;
  for (const command of commands)
    execFileSync(gyp, command, { cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] });
}

describe('addon: sanitizers', function () {
  // With the sanitizers each of the other tests takes several times as long.
  this.timeout(900_000);
  let reports = '';

  before(requireRoot);
  before(buildAddon);
  beforeEach(() => (reports = mkdtempSync(join(tmpdir(), 'slt-asan-'))));
  afterEach(() => rmSync(reports, { recursive: true }));

  /** Sanitizers write to files of their own, one for each process, and change the exit status of none that merely leaks. */
  function environment(asan: string): NodeJS.ProcessEnv {
    const preload = ['libasan.so', 'libubsan.so'].map((library) =>
      realpathSync(execFileSync('gcc', [`-print-file-name=${library}`], { encoding: 'utf8' }).trim()),
    );
    return {
      ...process.env,
      SLTAGENT_ADDON: addon,
      LD_PRELOAD: preload.join(' '),
      ASAN_OPTIONS: `log_path=${join(reports, 'asan')}:exitcode=97:${asan}`,
      LSAN_OPTIONS: 'exitcode=0:print_suppressions=0',
      UBSAN_OPTIONS: `log_path=${join(reports, 'ubsan')}:print_stacktrace=1`,
    };
  }

  function reported(): string[] {
    return readdirSync(reports).map((name) => readFileSync(join(reports, name), 'utf8'));
  }

  /** The lost blocks whose stack comes through this module. Node itself and libc leave memory behind at their end. */
  function leaks(module: string): string[] {
    const blocks = reported().flatMap((report) => report.split(/\n\n/));
    return blocks.filter((block) => /^(Direct|Indirect) leak/m.test(block) && block.includes(module));
  }

  it('finds nothing while all other tests of the addon run', async () => {
    const tests = readdirSync(here).filter(
      (name) => /^addon-.*\.test\.js$/.test(name) && name !== basename(fileURLToPath(import.meta.url)),
    );
    assert.ok(tests.length >= 6);
    const mocha = [join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'), '--timeout', '300000'];
    const env = environment('detect_leaks=0');
    await run(process.execPath, [...mocha, ...tests.map((name) => join(here, name))], {
      env,
      cwd: root,
    }).catch((error: unknown) => {
      const { stdout, message } = error as { stdout: string; message: string };
      assert.fail([message, stdout, ...reported()].join('\n'));
    });
    assert.deepEqual(reported(), []);
  });

  it('loses no memory, descriptor or BPF object in 200 rounds of open, load, attach, drain and close', async () => {
    const env = environment('detect_leaks=1:fast_unwind_on_malloc=0:malloc_context_size=12');
    const { stdout } = await run(process.execPath, [join(here, 'leak-child.js'), '200'], { env });
    assert.deepEqual(leaks('sltagent.node'), []);
    assert.deepEqual(leaks('libbpf.so'), []);
    const { descriptors, ids } = JSON.parse(stdout) as LeakReport;
    assert.equal(descriptors.after, descriptors.before);
    for (const kind of ['prog', 'map', 'link'] as const) {
      assert.ok(ids[kind].length > 0, `some ${kind} ids were seen`);
      await Promise.all(ids[kind].map((id) => isGone(kind, id)));
    }
  });

  it('would see a leak', async () => {
    const program = compileC('test/native/leaking.c', ['-fsanitize=address', '-fno-omit-frame-pointer']);
    await run(program, { env: environment('detect_leaks=1:fast_unwind_on_malloc=0') });
    assert.equal(leaks(basename(program)).length, 1);
  });
});

/** The kernel frees BPF objects a grace period after their last descriptor. */
async function isGone(kind: string, id: number): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };
    const found = await run('bpftool', [kind, 'show', 'id', String(id)], { env }).then(
      () => true,
      () => false,
    );
    if (!found) return;
    assert.ok(Date.now() < end, `${kind} ${id} is still there`);
  }
}
