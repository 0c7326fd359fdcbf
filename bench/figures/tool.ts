/** A tool that a user would pick instead of us, attached to a process for as long as it is measured. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ToolDescription {
  readonly name: string;
  /** Its arguments for the process PID, with a file of its own to write to. */
  readonly command: (pid: number, file: string) => readonly string[];
  /** In its output: that it really saw the loop. */
  readonly sawIt: RegExp;
}

/** Of these, getppid is what the loop makes first: who saw it was attached in time. */
export const TOOLS: readonly ToolDescription[] = [
  {
    name: 'strace -f -c',
    command: (pid) => ['strace', '-f', '-c', '-p', String(pid)],
    sawIt: /\bgetppid\b/,
  },
  {
    name: 'perf trace -s',
    command: (pid) => ['perf', 'trace', '-s', '-p', String(pid)],
    sawIt: /\bgetppid\b/,
  },
  {
    name: 'perf record raw_syscalls',
    command: (pid, file) => ['perf', 'record', '-o', file, '-e', 'raw_syscalls:*', '-p', String(pid)],
    sawIt: /Captured and wrote [\d.]+ MB .*\([1-9]\d+ samples\)/,
  },
  {
    name: 'bpftrace count + histogram',
    command: (pid) => ['bpftrace', '-e', histogram(pid)],
    sawIt: /@calls\[\d+\]: \d+/,
  },
  {
    name: 'libbpf-tools syscount -L',
    command: (pid) => ['syscount', '-L', '-p', String(pid)],
    sawIt: /\bgetppid\b/,
  },
  {
    name: 'libbpf-tools offcputime',
    command: (pid) => ['offcputime', '-p', String(pid)],
    sawIt: /\bloop \(\d+\)/,
  },
  {
    name: 'libbpf-tools runqlat',
    command: (pid) => ['runqlat', '-p', String(pid)],
    sawIt: /usecs +: count/,
  },
];

function histogram(pid: number): string {
  return [
    `tracepoint:raw_syscalls:sys_enter /pid == ${pid}/ { @start[tid] = nsecs; }`,
    'tracepoint:raw_syscalls:sys_exit /@start[tid]/',
    '{ @calls[args->id] = count(); @ns[args->id] = hist(nsecs - @start[tid]); delete(@start[tid]); }',
  ].join(' ');
}

/** Loading, attaching and what the tool does once; bpftrace takes longest. */
const ATTACH_MS = 2_500;
const END_MS = 10_000;
const OUTPUT_KEPT = 200_000;

export class Tool {
  #output = '';
  #gone = false;
  readonly #ended: Promise<void>;
  readonly #child: ChildProcess;

  private constructor(
    private readonly description: ToolDescription,
    pid: number,
    file: string,
  ) {
    const [program = '', ...args] = description.command(pid, file);
    // Where the scheduler puts it, as on a user's machine.
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on(
        'data',
        (data: Buffer) => (this.#output = (this.#output + data.toString()).slice(-OUTPUT_KEPT)),
      );
    this.#ended = new Promise((resolve) => {
      const end = (): void => {
        this.#gone = true;
        resolve();
      };
      this.#child.once('close', end);
      this.#child.once('error', (error) => {
        this.#output += error.message;
        end();
      });
    });
    process.once('exit', this.#kill);
  }

  static async attach(description: ToolDescription, pid: number, file: string): Promise<Tool> {
    const tool = new Tool(description, pid, file);
    await Promise.race([sleep(ATTACH_MS), tool.#ended]);
    return tool;
  }

  readonly #kill = (): void => {
    this.#child.kill('SIGKILL');
  };

  /** As a user ends it. Why it did not measure the loop; undefined: it did. */
  async detach(): Promise<string | undefined> {
    const early = this.#gone;
    this.#child.kill('SIGINT');
    const patience = setTimeout(this.#kill, END_MS);
    await this.#ended;
    clearTimeout(patience);
    process.off('exit', this.#kill);
    if (this.description.sawIt.test(this.#output)) return undefined;
    const said = this.#output.trim().split('\n').at(-1) ?? '';
    return `${early ? 'ended at once' : 'did not see the loop'}: ${said === '' ? 'it said nothing' : said}`;
  }
}
