/** `sltagent run`: the agent itself. */
import { createWriteStream, openSync } from 'node:fs';
import type { Argv, CommandModule } from 'yargs';
import type { Logger } from 'pino';
import { BackendError, type BackendListener } from '../backend/backend.js';
import { BpfBackend } from '../backend/bpf/bpf.js';
import { Recorder } from '../backend/recording.js';
import type { Config } from '../../../schemas/config/schema.js';
import { ConsoleExporter } from '../export/console.js';
import { wantsColour } from '../export/console-style.js';
import { createExporter } from '../export/create.js';
import { ExportLimits } from '../export/limits.js';
import type { SpanExporter } from '../export/exporter.js';
import { tracesUrl } from '../config/otlp.js';
import { FilterError } from '../host/filters.js';
import { UnixClock } from '../host/clocks.js';
import { native } from '../native.js';
import { hostSurroundings } from '../resolve/host-surroundings.js';
import { Resolver } from '../resolve/resolver.js';
import { createLog, LOG_LEVELS, type LogLevel } from '../telemetry/log.js';
import { configOptions, loadFromCommandLine, type ConfigArguments } from './config-options.js';
import { MachineError, UsageError } from './failure.js';
import { installation } from './installation.js';
import { Pipeline } from './pipeline.js';
import { summarize } from './summary.js';

const SHUTDOWN_MS = 5_000;

export interface RunArguments extends ConfigArguments {
  readonly 'log-level': LogLevel;
  readonly json: boolean;
  readonly 'json-to'?: string | undefined;
  readonly record?: string | undefined;
}

/** One process with capture `all` is enough, and the whole host pays: nobody shall have to find that out. */
const CALLS_ATTACHED =
  'the tracepoints of system calls are attached: every system call of every process on this host is slower while a process has capture all';
const CALLS_DETACHED =
  'the tracepoints of system calls are detached: no process has capture all, and none pays for it';

const ESCALATION = {
  begins: 'the service was slow again and again: each of its system calls is recorded for a while',
  ends: 'the while is over: only the waits of the service are recorded',
} as const;

/** Settings that are read at the start only: a reload says so when they differ. */
const AT_START: readonly ((config: Config) => readonly [string, unknown])[] = [
  (config) => ['backend', config.backend],
  (config) => [
    'export',
    JSON.stringify(config.export, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  ],
  (config) => ['limits.kernel_memory', config.limits.kernel_memory],
  (config) => ['limits.processes', config.limits.processes],
];

export function exporterFor(
  config: Config,
  args: Pick<RunArguments, 'json' | 'json-to'>,
  limits: ExportLimits,
  log: Logger,
): SpanExporter {
  const { stdout } = process;
  const console = new ConsoleExporter(stdout, { json: args.json, colour: wantsColour(stdout, process.env) });
  const path = args['json-to'];
  const copies = {
    ...(args.json && config.export.to !== 'console' ? { json: console } : {}),
    ...(path === undefined ? {} : { json_to: fileExporter(path) }),
  };
  const endpoint = tracesUrl(config.export.otlp);
  return createExporter(config.export, console, copies, limits, (problem) => {
    if (problem === undefined) log.info({ endpoint }, 'the receiver takes spans again');
    else
      log.warn(
        { endpoint, problem },
        'the receiver takes no spans; they wait, and are dropped by count past a bound',
      );
  });
}

/** A file that a flag names. Throws UsageError where it cannot be had. */
function opened<File>(flag: string, path: string, open: (path: string) => File): File {
  try {
    return open(path);
  } catch (error) {
    throw new UsageError(`${flag}: ${path} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

function fileExporter(path: string): SpanExporter {
  const stream = createWriteStream(path, { fd: opened('--json-to', path, (file) => openSync(file, 'a')) });
  return new ConsoleExporter(stream, { json: true, colour: false });
}

class Agent {
  readonly #backend: BpfBackend;
  readonly #clock: UnixClock;
  readonly #limits: ExportLimits;
  readonly #exporter: SpanExporter;
  readonly #pipeline: Pipeline;
  readonly #recorder: Recorder | undefined;
  #config: Config;
  /** What it was started with, of which some holds until its end. */
  readonly #started: Config;
  #ready = false;
  #stopping: Promise<void> | undefined;

  constructor(
    private readonly args: RunArguments,
    private readonly log: Logger,
  ) {
    this.#config = loadFromCommandLine(args).config;
    this.#started = this.#config;
    const calls = native();
    // What it reads of other processes must not be read out of its own memory.
    calls.setNotDumpable();
    this.#clock = new UnixClock(calls);
    this.#backend = new BpfBackend({
      native: calls,
      config: this.#config,
      objectPath: installation.bpfObject,
      libsltPath: installation.libslt,
      onSystemCalls: (attached) => this.log.info(attached ? CALLS_ATTACHED : CALLS_DETACHED),
    });
    this.#limits = new ExportLimits(this.#config.limits);
    this.#exporter = exporterFor(this.#config, args, this.#limits, log);
    this.#recorder =
      args.record === undefined
        ? undefined
        : opened('--record', args.record, (path) => new Recorder(path, (why) => this.log.error(why)));
    const surroundings = hostSurroundings(this.#clock);
    this.#pipeline = new Pipeline(
      {
        backend: this.#backend,
        resolver: new Resolver(surroundings),
        exporter: this.#exporter,
        onFacts: (process, facts) => {
          this.#recorder?.facts({ process, facts, unixOffsetNs: this.#clock.offsetNs });
          this.log.info(
            { pid: process.pid, name: facts.name, runtime: facts.runtime.runtime },
            'a process takes part',
          );
        },
        onEscalation: (service, until) => this.log.info({ service }, ESCALATION[until]),
      },
      this.#config,
    );
  }

  async run(until: () => Promise<unknown>): Promise<void> {
    const listener: BackendListener = {
      batch: (bytes) => {
        this.#recorder?.batch(bytes);
        this.#pipeline.assembler.batch(bytes);
      },
      warning: (message) => this.log.warn(message),
    };
    // One that comes before it is ready must not end it, nor be forgotten.
    let hangUps = 0;
    process.on('SIGHUP', () => {
      if (this.#ready) this.#reload();
      else hangUps++;
    });
    await this.#backend.start(listener);
    const { notes, sizes } = this.#backend.describe() ?? { notes: [], sizes: undefined };
    for (const note of notes) this.log.info(note);
    this.log.info(
      {
        backend: this.#backend.name,
        export: this.#config.export.to,
        openSpans: sizes?.spans,
        ringBytes: sizes?.ring,
      },
      'ready: start services with `sltagent exec -- COMMAND`',
    );
    this.#ready = true;
    if (hangUps > 0) this.#reload();
    await until();
    await this.stop();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await this.#backend.stop();
    await this.#exporter.shutdown(SHUTDOWN_MS);
    this.#clock.stop();
    this.#recorder?.close();
    // What never began has no summary: the reason is told by whoever ends it.
    if (!this.#ready) return;
    const summary = summarize(this.#backend, this.#pipeline, this.#exporter);
    if (this.#pipeline.lastError !== undefined)
      this.log.error({ err: this.#pipeline.lastError }, 'a span could not be explained');
    const exported = this.#exporter.stats();
    for (const { lastProblem } of [exported, ...Object.values(exported.copies)]) {
      if (lastProblem !== undefined)
        this.log.warn({ problem: lastProblem }, 'the last problem of the receiver');
    }
    this.log.info(summary, 'stopped');
  }

  #reload(): void {
    let config: Config;
    try {
      config = loadFromCommandLine(this.args).config;
      this.#pipeline.reload(config);
    } catch (error) {
      this.log.error(`the configuration was not reloaded, the one before holds: ${(error as Error).message}`);
      return;
    }
    for (const of of AT_START) {
      const [key, value] = of(config);
      if (value !== of(this.#started)[1])
        this.log.warn(`${key} has changed; it is read at the next start of the agent`);
    }
    this.#limits.set(config.limits);
    this.#config = config;
    this.log.info('the configuration was reloaded');
  }
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    // Again while it stops: often both the group and the process are sent one. What is left is still on its way out.
    process.on('SIGINT', resolve);
    process.on('SIGTERM', resolve);
  });
}

/** Runs until `until`, which is called when it is ready, resolves. Throws ConfigError, MachineError. */
export async function runAgent(
  args: RunArguments,
  until: () => Promise<unknown> = interrupted,
): Promise<void> {
  const log = createLog(args['log-level']);
  const agent = new Agent(args, log);
  try {
    await agent.run(until);
  } catch (error) {
    await agent.stop();
    if (error instanceof BackendError) throw new MachineError(error.message, { cause: error });
    if (error instanceof FilterError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

export const outputOptions = {
  'log-level': { choices: LOG_LEVELS, default: 'info', describe: 'how much is logged, on standard error' },
  json: { type: 'boolean', default: false, describe: 'print one JSON object a line for each slow span' },
  'json-to': { type: 'string', requiresArg: true, describe: 'append those JSON lines to this file as well' },
} as const;

export const runCommand: CommandModule<object, RunArguments> = {
  command: 'run',
  describe: 'annotate slow spans of every service that takes part, until interrupted',
  builder: (frame: Argv) =>
    frame.options({
      ...configOptions,
      ...outputOptions,
      record: {
        type: 'string',
        requiresArg: true,
        describe: 'keep what the kernel sends in this file, for `replay`',
      },
    }),
  handler: async (args) => {
    await runAgent(args);
    // A request that the receiver never answered must not keep a stopped agent alive.
    process.exit();
  },
};
