import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../agent/src/cli/checks/finding.js';
import { root } from '../helpers/compile.js';

const LAUNCHER = join(root, 'agent', 'bin', 'sltagent');
const PYTHON = join(root, 'build', 'python', 'demo', 'bin', 'python');

function sltagent(
  words: readonly string[],
  options: { prefix?: readonly string[]; env?: NodeJS.ProcessEnv } = {},
) {
  const [command = '', ...rest] = [...(options.prefix ?? []), LAUNCHER, ...words];
  return spawnSync(command, rest, {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...options.env },
  });
}

function findings(text: string): Map<string, Finding> {
  const { findings: list } = JSON.parse(text) as { findings: Finding[] };
  return new Map(list.map((finding) => [finding.id, finding]));
}

/** A program under exec that has imported OpenTelemetry and waits. */
async function startService(words: readonly string[]): Promise<ChildProcess> {
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

const WAITING = 'import opentelemetry.context as c; c.get_current(); print("up", flush=True); input()';

describe('sltagent check', () => {
  it('is ready where everything is built, and its exit status says so', () => {
    const ended = sltagent(['check', '--json']);
    const found = findings(ended.stdout);
    for (const id of ['kernel.btf', 'privileges.bpf', 'bpf.ring_buffer', 'parts.bpf', 'parts.libslt']) {
      assert.equal(found.get(id)?.verdict, 'ready', `${id}: ${found.get(id)?.found}`);
    }
    assert.match(found.get('parts.bpf')?.found ?? '', /room for \d+ open spans/);
    const limited = [...found.values()].some(({ verdict }) => verdict !== 'ready');
    assert.equal(ended.status, limited ? 1 : 0);
  });

  it('cannot run without privileges, and names the capabilities', () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const ended = sltagent(['check', '--json'], { prefix: nobody });
    assert.equal(ended.status, 2, ended.stderr);
    const found = findings(ended.stdout);
    assert.equal(found.get('privileges.bpf')?.verdict, 'missing');
    assert.match(found.get('privileges.bpf')?.remedy ?? '', /CAP_BPF, CAP_PERFMON/);
    assert.equal(found.get('parts.bpf')?.verdict, 'unknown');
    assert.equal(found.get('kernel.btf')?.verdict, 'ready');
  });

  it('cannot run without the addon, and says how it is built', () => {
    const ended = sltagent(['check', '--json'], { env: { SLTAGENT_ADDON: '/nonexistent.node' } });
    assert.equal(ended.status, 2);
    assert.match(findings(ended.stdout).get('parts.addon')?.remedy ?? '', /npm run build/);
  });

  it('cannot run where the configured memory is too little, and says what to raise', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sltagent-check-'));
    try {
      const file = join(folder, 'slt.yaml');
      writeFileSync(file, 'limits: { kernel_memory: 4MiB, processes: 65536 }');
      const ended = sltagent(['check', '--json', '--config', file]);
      assert.equal(ended.status, 2);
      const load = findings(ended.stdout).get('parts.bpf');
      assert.equal(load?.verdict, 'missing');
      assert.equal(load.remedy, 'Raise limits.kernel_memory.');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('tells that a process takes part, and for which service', async () => {
    const child = await startService([
      LAUNCHER,
      'exec',
      '--service',
      'checkout',
      '--',
      PYTHON,
      '-c',
      WAITING,
    ]);
    try {
      const ended = sltagent(['check', '--json', '--pid', String(child.pid)]);
      const found = findings(ended.stdout);
      assert.equal(found.get('process.takes_part')?.verdict, 'ready');
      assert.equal(found.get('process.libslt')?.found, "its libslt is this installation's");
      assert.equal(found.get('process.service')?.found, 'its environment names the service checkout');
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('tells that a Python process does not take part, and how it would', async () => {
    const child = await startService([PYTHON, '-c', WAITING]);
    try {
      const ended = sltagent(['check', '--json', '--pid', String(child.pid)]);
      assert.equal(ended.status, 1);
      const found = findings(ended.stdout).get('process.takes_part');
      assert.equal(found?.verdict, 'limited');
      assert.match(found.remedy ?? '', /sltagent exec -- CMD.*first import of opentelemetry/);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  });

  it('tells a process that may not be looked into from one that is not there', () => {
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    const forbidden = sltagent(['check', '--pid', '1'], { prefix: nobody });
    assert.equal(forbidden.status, 3);
    assert.match(forbidden.stderr, /process 1 may not be looked into \(EACCES\)/);
    const gone = sltagent(['check', '--pid', '4194304']);
    assert.equal(gone.status, 2);
    assert.match(gone.stderr, /there is no process 4194304/);
  });
});
