import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../agent/src/cli/program.js';
import { root } from '../helpers/compile.js';

const LAUNCHER = join(root, 'agent', 'bin', 'sltagent');
const SITE = join(root, 'preload-libs', 'python', 'site');
const PYTHON = join(root, 'build', 'python', 'demo', 'bin', 'python');

/**
 * A caller with unusual signals, limits, descriptors and variables, which then becomes its arguments. Signal 34 is the
 * first real-time signal that C libraries leave to programs; `a.b` is a name that shells cannot hold.
 */
const CALLER = `
import os, resource, signal, sys
for number in (signal.SIGHUP, signal.SIGUSR1, 34):
    signal.signal(number, signal.SIG_IGN)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM, signal.SIGUSR2, 40})
resource.setrlimit(resource.RLIMIT_NOFILE, (217, 931))
opened = os.open('/dev/zero', os.O_RDONLY)
for number in (3, 7, 11, 60):
    os.dup2(opened, number, inheritable=True)
os.umask(0o27)
environment = {'PATH': os.environ['PATH'], 'a.b': 'kept', 'EMPTY': '', 'LINES_': 'one\\ntwo', 'NODE_OPTIONS': '--no-warnings'}
os.execvpe(sys.argv[1], sys.argv[1:], environment)
`;

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

function run(words: readonly string[], environment: NodeJS.ProcessEnv = process.env): Ended {
  const [command = '', ...rest] = words;
  const { status, stdout, stderr } = spawnSync(command, rest, {
    encoding: 'utf8',
    env: environment,
    timeout: 30_000,
  });
  return { status, stdout, stderr };
}

function exec(...words: string[]): Ended {
  return run([LAUNCHER, 'exec', ...words]);
}

/** What a program gets from the caller: started by it directly, and through exec. */
function both(...program: string[]): [direct: string, through: string] {
  const outputs = [[], [LAUNCHER, 'exec', '--']].map((words) => {
    const ended = run(['python3', '-c', CALLER, ...words, ...program]);
    assert.equal(ended.status, 0, ended.stderr);
    return ended.stdout;
  });
  return [outputs[0] ?? '', outputs[1] ?? ''];
}

/** The lines of /proc/PID/status that execve(2) passes on. */
function inherited(status: string): string[] {
  return status
    .split('\n')
    .filter((line) => /^(Sig(Ign|Blk|Cgt)|Umask|Cap\w+|NoNewPrivs|Seccomp|Uid|Gid|Groups)/.test(line));
}

describe('sltagent exec', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sltagent-exec-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function script(name: string, text: string): string {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return path;
  }

  it('hands ignored and blocked signals on as its caller had them', () => {
    const [direct, through] = both('cat', '/proc/self/status');
    assert.deepEqual(inherited(through), inherited(direct));
    assert.ok(
      inherited(direct).includes('SigIgn:\t0000000200000201'),
      'the caller did not set what the test is about',
    );
  });

  it('hands every resource limit on, also that of open files, which Node raises', () => {
    const [direct, through] = both('cat', '/proc/self/limits');
    assert.equal(through, direct);
    assert.match(direct, /^Max open files +217 +931 /m);
  });

  it("hands the caller's descriptors on, and none of its own", () => {
    // The last one is of ls itself, and leads to a process of another number each time.
    const [direct, through] = both('ls', '/proc/self/fd').map((text) => text.split('\n'));
    assert.deepEqual(through, direct);
    assert.ok(['3', '7', '11', '60'].every((number) => direct?.includes(number)));
  });

  it('hands the environment on but for what makes a service take part, also names that a shell cannot hold', () => {
    const [direct, through] = both('cat', '/proc/self/environ').map((text) =>
      text.split('\0').filter((entry) => entry !== ''),
    );
    const added = [`PYTHONPATH=${SITE}`, 'OTEL_PYTHON_CONTEXT=slt'];
    assert.deepEqual(through?.toSorted(), [...(direct ?? []), ...added].toSorted());
    assert.ok(direct?.includes('a.b=kept') && direct.includes('LINES_=one\ntwo'));
  });

  it('becomes the program: same process, its own exit status', () => {
    const ended = run([
      'sh',
      '-c',
      'echo $$; exec "$@"',
      'sh',
      LAUNCHER,
      'exec',
      '--',
      'sh',
      '-c',
      'echo $$; exit 42',
    ]);
    const [before, after] = ended.stdout.trim().split('\n');
    assert.equal(after, before);
    assert.equal(ended.status, 42);
  });

  it('keeps every argument as it was, also empty ones and those that look like its own', () => {
    const ended = exec('--service', 'x', '--', 'printf', '<%s>', '', '--service', '-- --', 'ä "b"');
    assert.equal(ended.stdout, '<><--service><-- --><ä "b">');
  });

  it('works through a symbolic link, as npm makes one', () => {
    const link = join(folder, 'sltagent');
    symlinkSync(LAUNCHER, link);
    assert.equal(run([link, 'exec', '--', 'echo', 'here']).stdout, 'here\n');
  });

  it("puts its folder before the user's own PYTHONPATH, once", () => {
    const environment = { ...process.env, PYTHONPATH: `/a:${SITE}:/b` };
    const ended = run([LAUNCHER, 'exec', '--', 'sh', '-c', 'echo $PYTHONPATH'], environment);
    assert.equal(ended.stdout, `${SITE}:/a:/b\n`);
  });

  it('sets the service name', () => {
    assert.equal(
      exec('--service', 'checkout', '--', 'sh', '-c', 'echo $OTEL_SERVICE_NAME').stdout,
      'checkout\n',
    );
  });

  it('leaves another OTEL_PYTHON_CONTEXT as it is, and says so', () => {
    const environment = { ...process.env, OTEL_PYTHON_CONTEXT: 'theirs', PYTHONPATH: '/a' };
    const ended = run(
      [LAUNCHER, 'exec', '--', 'sh', '-c', 'echo $OTEL_PYTHON_CONTEXT $PYTHONPATH'],
      environment,
    );
    assert.equal(ended.stdout, 'theirs /a\n');
    assert.match(ended.stderr, /OTEL_PYTHON_CONTEXT is already theirs/);
  });

  it("takes the place of OpenTelemetry's own context also where that is chosen by name", () => {
    const environment = { ...process.env, OTEL_PYTHON_CONTEXT: 'contextvars_context' };
    const ended = run([LAUNCHER, 'exec', '--', 'sh', '-c', 'echo $OTEL_PYTHON_CONTEXT'], environment);
    assert.deepEqual([ended.stdout, ended.stderr], ['slt\n', '']);
  });

  const TOLD =
    'import opentelemetry.context as c, os; c.get_current(); print(os.environ.get("OTEL_PYTHON_CONTEXT"), os.environ.get("PYTHONPATH"))';
  const IGNORES = /^sltagent: this program ignores PYTHONPATH [^\n]*does not take part\n$/;

  it('leaves a Python that ignores PYTHONPATH as it is, and says so', () => {
    const plain = { ...process.env, PYTHONPATH: undefined, OTEL_PYTHON_CONTEXT: undefined };
    for (const options of [
      ['-I'],
      ['-E'],
      ['-bEs'],
      ['-W', 'ignore', '-X', 'utf8', '-I'],
      ['-Xutf8', '-sE'],
    ]) {
      const ended = run([LAUNCHER, 'exec', '--', PYTHON, ...options, '-c', TOLD], plain);
      assert.deepEqual([ended.status, ended.stdout], [0, 'None None\n'], ended.stderr);
      assert.match(ended.stderr, IGNORES);
    }
    const isolated = script('isolated', `#!${PYTHON} -I\n${TOLD}\n`);
    const ended = run([LAUNCHER, 'exec', '--', isolated], plain);
    assert.deepEqual([ended.status, ended.stdout], [0, 'None None\n'], ended.stderr);
    assert.match(ended.stderr, IGNORES);
  });

  it("does not take the script's own words, or those of other programs, for such options", () => {
    const app = script('app.py', `${TOLD}\n`);
    for (const words of [
      [PYTHON, app, '-I', '-E'],
      [PYTHON, '-u', '-c', TOLD, '-E'],
      [PYTHON, '-cI=0;' + TOLD],
      [PYTHON, '-W', 'ignore::ImportWarning', '-XI', app],
      ['sh', '-c', 'echo $OTEL_PYTHON_CONTEXT $PYTHONPATH', '-I', '-E'],
    ]) {
      assert.deepEqual(exec('--', ...words), { status: 0, stdout: `slt ${SITE}\n`, stderr: '' });
    }
  });

  it('ends with 127 for a program that does not exist, 126 for one that cannot be run', () => {
    writeFileSync(join(folder, 'data'), 'x');
    const missing = exec('--', 'sltagent-no-such-command');
    assert.equal(missing.status, 127);
    assert.match(missing.stderr, /no command sltagent-no-such-command on PATH/);
    assert.equal(exec('--', join(folder, 'nothing')).status, 127);
    assert.equal(exec('--', join(folder, 'data')).status, 126);
  });

  it('says in one sentence why a program cannot be looked at, and looks on along PATH', () => {
    const circle = join(folder, 'circle');
    symlinkSync('circle', circle);
    const refused = exec('--', circle);
    assert.equal(refused.status, 126);
    assert.match(refused.stderr, /^sltagent: .*circle cannot be run: ELOOP.*\n$/);
    const ended = run([LAUNCHER, 'exec', '--', 'true'], {
      ...process.env,
      PATH: `${circle}:${process.env['PATH']}`,
    });
    assert.deepEqual(ended, { status: 0, stdout: '', stderr: '' });
  });

  it('ends with 126 for a program in a folder that its user may not search', function () {
    // To root every folder is open; what a user may not do is asked as that user.
    if (process.geteuid?.() !== 0) this.skip();
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    writeFileSync(join(closed, 'program'), '#!/bin/sh\n', { mode: 0o755 });
    chmodSync(folder, 0o755);
    process.seteuid?.(65_534);
    try {
      const program = join(closed, 'program');
      for (const [command, path] of [
        [program, undefined],
        ['program', closed],
      ] as const) {
        assert.throws(() => findProgram(command, path), {
          exitStatus: 126,
          message: `${program} cannot be run: permission denied`,
        });
      }
      assert.equal(findProgram('sh', `${closed}:/bin`), '/bin/sh');
    } finally {
      process.seteuid?.(0);
    }
  });

  it('gives a script without a first line #! to sh, as shells do', () => {
    assert.equal(exec('--', script('plain', 'echo "plain $1"\n'), 'one').stdout, 'plain one\n');
  });

  it('says so when the interpreter has no extension, and which command builds it, and starts it all the same', () => {
    const python = script('python3.99', '#!/bin/sh\necho started\n');
    const ended = exec('--', script('app', `#!${python}\n`));
    assert.equal(ended.stdout, 'started\n');
    assert.match(ended.stderr, /\(cpython-399\) is not built.*build\.sh .*python3\.99/);
  });

  it('says nothing when all is well', () => {
    assert.deepEqual(exec('--', 'true'), { status: 0, stdout: '', stderr: '' });
  });

  it('makes a Python program with OpenTelemetry map libslt', () => {
    const program =
      'import opentelemetry.context as c; c.get_current(); print(open("/proc/self/maps").read())';
    const ended = exec('--', PYTHON, '-c', program);
    assert.equal(ended.status, 0, ended.stderr);
    assert.equal(ended.stderr, '');
    assert.match(ended.stdout, /\/build\/libslt\.so\n/);
  });

  it('without a program, or by another way than its launcher, is wrong usage', () => {
    assert.equal(exec().status, 2);
    const main = join(root, 'dist', 'agent', 'src', 'cli', 'main.js');
    const ended = run([process.execPath, main, 'exec', '--', 'true']);
    assert.equal(ended.status, 1);
    assert.match(ended.stderr, /has to be started as `sltagent exec`/);
  });

  it('with an agent of its own hands on limits, descriptors and variables all the same', () => {
    const program = 'ulimit -Sn; echo "$NODE_OPTIONS"; cat <&7; ls /proc/self/fd';
    const caller = 'ulimit -Sn 512; exec 7<"$0" "$@"';
    const given = join(root, '.npmrc');
    const outputs = [[], [LAUNCHER, 'exec', '--run', '--']].map((words) => {
      const ended = run(['sh', '-c', caller, given, ...words, 'sh', '-c', program], {
        ...process.env,
        NODE_OPTIONS: '--no-warnings',
      });
      assert.equal(ended.status, 0, ended.stderr);
      return ended.stdout;
    });
    assert.match(outputs[0] ?? '', /^512\n--no-warnings\n/);
    assert.equal(outputs[1], outputs[0]);
  });
});
