/**
 * Runs Python programs with the environment of `sltagent env python`, and a recorder in the agent's place
 * (test/native/c/probe_recorder.c): it needs no privilege and sees each call that reaches a probe site.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { root } from '../helpers/compile.js';
import { buildLibslt, libsltProgram, plainEnvironment } from '../native/libslt-programs.js';

/** The environment with the packages of test/fixtures/python, made by deploy/host/prepare.sh. */
export const python = join(root, 'build', 'python', 'test', 'bin', 'python');

/** The folder that goes on PYTHONPATH. */
export const site = join(root, 'preload-libs', 'python', 'site');

export function program(name: string): string {
  return join(root, 'test', 'integration', 'python-programs', `${name}.py`);
}

/** Brings libslt, the recorder, and the extension for `python` up to date. */
export function buildPythonLibrary(): void {
  buildLibslt();
  execFileSync('bash', [join(root, 'preload-libs', 'python', 'build.sh'), python], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: plainEnvironment(),
  });
}

export interface Hit {
  site: 'process' | 'start' | 'end' | 'context';
  pid: number;
  tid: number;
  /** Hexadecimal; all zero: none. */
  span: string;
  trace: string;
  parent: string;
  flags: number;
  kind: number;
  startNs: bigint;
  endNs: bigint;
  resource: number;
  name: string;
  /** Keys and values, each followed by a bar. */
  resourceText: string;
}

function parseHit(line: string): Hit {
  const [site, pid, tid, span, trace, parent, flags, kind, start, end, resource, name, resourceText] =
    line.split('\t');
  if (resourceText === undefined) throw new Error(`not a line of the recorder: ${line}`);
  return {
    site: site as Hit['site'],
    pid: Number(pid),
    tid: Number(tid),
    span: span ?? '',
    trace: trace ?? '',
    parent: parent ?? '',
    flags: Number(flags),
    kind: Number(kind),
    startNs: BigInt(start ?? ''),
    endNs: BigInt(end ?? ''),
    resource: Number(resource),
    name: name ?? '',
    resourceText,
  };
}

/** The sequence in words: `start outer`, `context outer`, `context -`. A context is named as the span was at its start. */
export function inWords(hits: readonly Hit[]): string[] {
  const names = new Map(hits.filter(({ site }) => site === 'start').map(({ span, name }) => [span, name]));
  return hits.map(({ site, span, name }) => {
    if (site === 'process') return site;
    if (site !== 'context') return `${site} ${name}`;
    return /^0+$/.test(span) ? 'context -' : `context ${names.get(span) ?? 'of no span that started'}`;
  });
}

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  /** What stands in PYTHONPATH; undefined: neither it nor OTEL_PYTHON_CONTEXT is set. */
  site?: string | undefined;
  recorder?: boolean;
}

/** A folder for the recording, and the processes that write to it; all is gone after close(). */
export class Recording {
  private readonly folder = mkdtempSync(join(tmpdir(), 'slt-python-'));
  private readonly running = new Set<ChildProcess>();
  private readonly file = join(this.folder, 'hits');

  /** Starts a command of the environment that `python` belongs to. */
  start(command: string, args: readonly string[], options: RunOptions = {}): ChildProcess {
    const { recorder = true } = options;
    const folder = 'site' in options ? options.site : site;
    const child = spawn(command, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: [join(python, '..'), process.env['PATH']].join(delimiter),
        ...(folder === undefined ? {} : { PYTHONPATH: folder, OTEL_PYTHON_CONTEXT: 'slt' }),
        ...(recorder ? { LD_PRELOAD: libsltProgram('probe_recorder.so'), SLT_TEST_RECORD: this.file } : {}),
        PYTHONDONTWRITEBYTECODE: '1',
        ...options.env,
      },
    });
    this.running.add(child);
    child.once('close', () => this.running.delete(child));
    return child;
  }

  /** Runs a program of python-programs/ to its end. */
  async run(name: string, options: RunOptions = {}): Promise<Ended> {
    const child = this.start(python, [program(name)], options);
    const ended: Ended = { status: null, signal: null, stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (ended.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (ended.stderr += text));
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status, signal) => {
        ended.status = status;
        ended.signal = signal;
        resolve();
      });
    });
    return ended;
  }

  hits(): Hit[] {
    if (!existsSync(this.file)) return [];
    return readFileSync(this.file, 'utf8').split('\n').slice(0, -1).map(parseHit);
  }

  async close(): Promise<void> {
    await Promise.all(
      [...this.running].map(
        (child) =>
          new Promise((resolve) => {
            child.once('close', resolve);
            child.kill('SIGKILL');
          }),
      ),
    );
    rmSync(this.folder, { recursive: true });
  }
}
