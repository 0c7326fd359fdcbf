import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Readable } from 'node:stream';
import type { ExecRequest } from './exec-child.js';

const [SIGHUP, SIGUSR1, SIGPIPE, SIGTERM, SIGCANCEL] = [1, 10, 13, 15, 32];

/** Prints what a program inherits. The shell opens nothing for it: `[ -e` is built in, and cat is the reading process. */
const show = `
cat /proc/self/status /proc/self/limits
for fd in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40; do
  [ -e /proc/self/fd/$fd ] && echo "open $fd"
done
sed -n 's/^flags:/stdin flags/p' /proc/$$/fdinfo/0
sed -n 's/^flags:/stdout flags/p' /proc/$$/fdinfo/1
echo "variable $GREETING"
`;

const request: ExecRequest = {
  path: '/bin/sh',
  argv: ['a name of its own', '-c', show],
  env: ['PATH=/usr/bin:/bin', 'GREETING=hello'],
  ignored: [],
  blocked: [],
  openFiles: { soft: 300, hard: 4096 },
};

describe('addon: execve', () => {
  let folder = '';
  const files: number[] = [];
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'slt-'));
    for (const name of ['seven', 'twelve']) files.push(openSync(join(folder, name), 'w'));
  });
  after(() => {
    for (const file of files) closeSync(file);
    rmSync(folder, { recursive: true });
  });

  /** Starts Node with two more descriptors, 7 and 12, and lets it become what `change` of the request says. */
  async function become(change: Partial<ExecRequest> = {}): Promise<string> {
    const [seven = -1, twelve = -1] = files;
    const gap = (count: number): 'ignore'[] => Array<'ignore'>(count).fill('ignore');
    const child = fileURLToPath(new URL('./exec-child.js', import.meta.url));
    const process_ = spawn(process.execPath, [child, JSON.stringify({ ...request, ...change })], {
      stdio: ['pipe', 'pipe', 'inherit', ...gap(4), seven, ...gap(4), twelve],
    });
    const closed = new Promise<number | null>((resolve) => process_.once('close', resolve));
    const output = await text(process_.stdout as Readable);
    assert.equal(await closed, 0);
    return output;
  }

  function signals(output: string, line: 'SigIgn' | 'SigBlk' | 'SigCgt'): number[] {
    const bits = BigInt(
      `0x${new RegExp(`^${line}:\\s+([0-9a-f]+)$`, 'm').exec(output)?.[1] ?? assert.fail(output)}`,
    );
    return [...Array(64).keys()].map((bit) => bit + 1).filter((signal) => (bits >> BigInt(signal - 1)) & 1n);
  }

  it('becomes the program, with its arguments and environment', async () => {
    const argv = ['zeroth', '-c', 'echo "$0 $1"; cat /proc/$$/cmdline | tr "\\0" "|"', 'a b', 'ü'];
    assert.match(await become({ argv }), /^a b ü\nzeroth\|-c\|/);
    assert.equal(
      await become({ path: '/usr/bin/env', argv: ['env'], env: ['ONE=1', 'TWO='] }),
      'ONE=1\nTWO=\n',
    );
  });

  it('passes on the signals that are to be ignored and blocked, and no others', async () => {
    // No shell here: dash unblocks all signals.
    const status = { path: '/bin/cat', argv: ['cat', '/proc/self/status'] };
    const none = await become(status);
    assert.deepEqual(signals(none, 'SigIgn'), []);
    assert.deepEqual(signals(none, 'SigBlk'), []);
    const ignored = [SIGHUP, SIGUSR1, SIGPIPE, SIGCANCEL];
    const blocked = [SIGTERM, SIGCANCEL, 64];
    const some = await become({ ...status, ignored, blocked });
    assert.deepEqual(signals(some, 'SigIgn'), ignored);
    assert.deepEqual(signals(some, 'SigBlk'), blocked);
    assert.deepEqual(signals(some, 'SigCgt'), []);
  });

  it('passes on the limits of open files', async () => {
    assert.match(await become(), /^Max open files\s+300\s+4096\s/m);
  });

  it('passes on the standard streams, blocking as they were, and nothing that Node has opened', async () => {
    const output = await become();
    assert.deepEqual(output.match(/^open \d+$/gm), ['open 0', 'open 1', 'open 2']);
    const O_NONBLOCK = 0o4000;
    for (const stream of ['stdin', 'stdout']) {
      const flags = new RegExp(`^${stream} flags\\s+([0-7]+)$`, 'm').exec(output)?.[1] ?? assert.fail(output);
      assert.equal(parseInt(flags, 8) & O_NONBLOCK, 0, `${stream} blocks`);
    }
  });

  it('passes on the further descriptors that it is told of', async () => {
    const output = await become({ descriptors: [0, 1, 2, 7, 12, 39] });
    assert.deepEqual(output.match(/^open \d+$/gm), ['open 0', 'open 1', 'open 2', 'open 7', 'open 12']);
  });

  it('throws and puts everything back when the program cannot be started', async () => {
    // A hard limit that was lowered could not be raised again without CAP_SYS_RESOURCE: keep it.
    const limits = readFileSync('/proc/self/limits', 'utf8');
    const hard = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? assert.fail(limits));
    const change = {
      path: '/no/such/program',
      ignored: [SIGHUP],
      blocked: [SIGTERM],
      openFiles: { soft: 300, hard },
    };
    const { code, message, unchanged } = JSON.parse(await become(change)) as Record<string, unknown>;
    assert.equal(code, 'ENOENT');
    assert.equal(message, 'start /no/such/program: No such file or directory');
    assert.equal(unchanged, true);
  });

  it('says which part of the state could not be set', async () => {
    const { code, message } = JSON.parse(await become({ openFiles: { soft: 2, hard: 1 } })) as Record<
      string,
      unknown
    >;
    assert.equal(code, 'EINVAL');
    assert.match(String(message), /limit of open files/);
  });
});
