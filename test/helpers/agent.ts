/** A real agent (`sltagent run --json`) under test, and services that take part in it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './compile.js';
import { Program } from './program.js';

const launcher = join(root, 'agent', 'bin', 'sltagent');
const programs = join(root, 'test', 'integration', 'agent-programs');
/** The environment of test/fixtures/python. */
const environment = join(root, 'build', 'python', 'test', 'bin');
export const python = join(environment, 'python');

export interface CallTotals {
  readonly name: string;
  readonly count: number;
  readonly time_us: number;
  readonly max_us: number;
  readonly blocked_us: number;
  readonly errors: Readonly<Record<string, number>>;
}

/** Sleeps in calls of one name. */
export interface WaitTotals {
  readonly name: string;
  readonly count: number;
  readonly time_us: number;
  readonly max_us: number;
}

export interface CallSpan {
  readonly name: string;
  readonly start_unix_ns: string;
  readonly end_unix_ns: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A line of `--json`. */
export interface SlowSpan {
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id: string | null;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly start_unix_ns: string;
  readonly end_unix_ns: string;
  readonly wall_ms: number;
  readonly state: string;
  readonly shared: boolean;
  readonly capture: { readonly mode: 'all' | 'blocking' | 'mixed'; readonly escalated: boolean };
  readonly cause: { readonly type: string; readonly text: string; readonly call: string | null };
  readonly time: Readonly<Record<string, number>>;
  readonly time_total: Readonly<Record<string, number>>;
  readonly thread_time: Readonly<Record<string, number>>;
  readonly totals: {
    readonly calls: readonly CallTotals[];
    readonly other: { readonly count: number; readonly time_us: number };
  };
  readonly waits: {
    readonly calls: readonly WaitTotals[];
    readonly other: { readonly count: number; readonly time_us: number };
  };
  readonly calls: readonly CallSpan[];
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly gaps: readonly string[];
}

/** What the agent's last line of log says. Counts that are zero are absent there and 0 here. */
export interface Summary {
  readonly annotated: number;
  readonly dropped: (reason: string) => number;
  readonly droppedReasons: Readonly<Record<string, number>>;
  readonly kernel: (counter: string) => number;
}

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly pid?: number;
  readonly [key: string]: unknown;
}

export interface AgentOptions {
  /** Keys of the configuration file, as they are written there. */
  readonly config?: object;
  readonly args?: readonly string[];
}

export class Agent {
  readonly #program: Program;
  readonly #folder: string;
  readonly #spans: SlowSpan[] = [];

  private constructor(program: Program, folder: string) {
    this.#program = program;
    this.#folder = folder;
  }

  static async start({ config = {}, args = [] }: AgentOptions = {}): Promise<Agent> {
    const folder = mkdtempSync(join(tmpdir(), 'sltagent-test-'));
    const program = new Program([
      launcher,
      'run',
      '--json',
      '--config',
      join(folder, 'config.yaml'),
      ...args,
    ]);
    const agent = new Agent(program, folder);
    agent.configure(JSON.stringify(config));
    await agent.log((line) => line.msg.startsWith('ready'));
    return agent;
  }

  get pid(): number {
    return this.#program.pid;
  }

  /** Replaces the configuration file; JSON is YAML. Read at the next reload. */
  configure(text: string): void {
    writeFileSync(join(this.#folder, 'config.yaml'), text);
  }

  /** Replaces the configuration and sends SIGHUP; resolves once it holds. */
  async reload(config: object): Promise<void> {
    const reloads = (): number =>
      this.logged.filter(({ msg }) => msg === 'the configuration was reloaded').length;
    const before = reloads();
    this.configure(JSON.stringify(config));
    this.signal('SIGHUP');
    await this.log(() => reloads() > before);
  }

  signal(signal: NodeJS.Signals): void {
    this.#program.signal(signal);
  }

  /** Slow spans so far. */
  get spans(): readonly SlowSpan[] {
    for (const line of this.#program.lines.slice(this.#spans.length)) {
      this.#spans.push(JSON.parse(line) as SlowSpan);
    }
    return this.#spans;
  }

  get logged(): LogLine[] {
    return this.#program.errors.flatMap((line) =>
      line.startsWith('{') ? [JSON.parse(line) as LogLine] : [],
    );
  }

  async log(matches: (line: LogLine) => boolean): Promise<LogLine> {
    return this.#program.until(() => this.logged.find(matches), 'a line of the log');
  }

  async span(matches: (span: SlowSpan) => boolean): Promise<SlowSpan> {
    return this.#until(() => this.spans.find(matches), 'a slow span');
  }

  /** Resolves once so many slow spans match. */
  async count(count: number, matches: (span: SlowSpan) => boolean): Promise<void> {
    const enough = (): true | undefined => (this.spans.filter(matches).length >= count ? true : undefined);
    await this.#until(enough, `${count} slow spans`);
  }

  /** What does not come may have been dropped: then the agent knows, and is stopped to tell. */
  async #until<T>(look: () => T | undefined, what: string): Promise<T> {
    try {
      return await this.#program.until(look, what);
    } catch (error) {
      this.#program.signal('SIGTERM');
      await this.#program.exited;
      const last = this.#program.errors.at(-1);
      throw new Error(`${(error as Error).message}\nat last:\n${last}`, { cause: error });
    }
  }

  /**
   * Starts a process that takes part and stays, and waits until its spans are seen whole: from then on the
   * tracepoints are attached, which is otherwise so only after the first process has been heard of.
   */
  async attached(): Promise<void> {
    const companion = await Service.python('companion', []);
    for (let round = 0; ; round++) {
      assert.ok(round < 20, 'the tracepoints are attached soon after the first process takes part');
      companion.say('span');
      const told = JSON.parse(await companion.next()) as { span_id: string };
      const span = await this.span(({ span_id }) => span_id === told.span_id);
      if (!span.gaps.includes('tracepoints_attached_late')) return;
    }
  }

  /** SIGTERM. What it was still given has been delivered when this resolves. */
  async stop(): Promise<Summary> {
    this.#program.signal('SIGTERM');
    await this.#program.succeeded();
    rmSync(this.#folder, { recursive: true });
    const last = this.logged.at(-1);
    assert.equal(last?.msg, 'stopped');
    const dropped = last['dropped'] as Record<string, number>;
    const kernel = last['kernel'] as Record<string, number>;
    return {
      annotated: last['annotated'] as number,
      dropped: (reason) => dropped[reason] ?? 0,
      droppedReasons: dropped,
      kernel: (counter) => kernel[counter] ?? 0,
    };
  }

  /** SIGKILL: it has no chance to clean up. */
  async kill9(): Promise<void> {
    await this.#program.kill();
    rmSync(this.#folder, { recursive: true });
  }
}

export interface ServiceOptions {
  readonly env?: Readonly<Record<string, string>>;
}

/** Programs under `sltagent exec`. */
export const Service = {
  /**
   * A program of agent-programs/, once it has printed `ready`. uid: the user that it becomes before its first span; not
   * sooner, for the packages may lie where only their owner reads.
   */
  async python(name: string, args: readonly string[], { uid }: { uid?: number } = {}): Promise<Program> {
    const env: Record<string, string> = uid === undefined ? {} : { BECOME_USER: String(uid) };
    const program = Service.exec([python, join(programs, `${name}.py`), ...args], { env });
    assert.equal(await program.next(), 'ready');
    return program;
  },

  exec(command: readonly string[], { env = {} }: ServiceOptions = {}): Program {
    return new Program([launcher, 'exec', '--', ...command], {
      ...process.env,
      PATH: `${environment}:${process.env['PATH']}`,
      PYTHONDONTWRITEBYTECODE: '1',
      ...env,
    });
  },
};

/** All values of an account, added up. */
export function sum(times: Readonly<Record<string, number>>): number {
  return Object.values(times).reduce((total, time) => total + time, 0);
}

export function total(span: SlowSpan, call: string): CallTotals | undefined {
  return span.totals.calls.find(({ name }) => name === call);
}

export function wait(span: SlowSpan, call: string): WaitTotals | undefined {
  return span.waits.calls.find(({ name }) => name === call);
}

/** On a machine where a switch may be missed, and only when the span itself says so, its account may lack time. */
export function missedSwitch({ gaps }: SlowSpan): boolean {
  return gaps.includes('switch_missed');
}

/** The classes of a whole span add up to its wall time, and hardly any of it is in none. */
export function assertAddsUp(span: SlowSpan): void {
  const wallUs = Math.round(span.wall_ms * 1000);
  assert.equal(sum(span.time_total), wallUs, `${span.name}: its classes add up to its wall time`);
  if (missedSwitch(span)) return;
  assert.deepEqual(span.gaps, [], span.name);
  const unaccounted = span.time_total['unaccounted'] ?? 0;
  assert.ok(unaccounted <= 0.02 * wallUs, `${span.name}: ${unaccounted} of ${wallUs} µs unaccounted`);
}

/** Exactly so many calls; not more also of a span that says that it may miss some. */
export function assertCount(span: SlowSpan, call: string, count: number, where = span.name): void {
  const found = total(span, call)?.count ?? 0;
  const right = missedSwitch(span) ? found <= count : found === count;
  assert.ok(right, `${found} × ${call} of ${where}, gaps [${span.gaps.join()}]: not ${count}`);
}
