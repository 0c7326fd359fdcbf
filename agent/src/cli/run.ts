/** `sltagent run`: the agent itself. */
import { createWriteStream, openSync } from 'node:fs';
import type { Writable } from 'node:stream';
import type { Argv, CommandModule } from 'yargs';
import type { Logger } from 'pino';
import { BackendError, type BackendListener } from '../backend/backend.js';
import { BpfBackend } from '../backend/bpf/bpf.js';
import { Recorder } from '../backend/recording.js';
import type { Config } from '../../../schemas/config/schema.js';
import { ConsoleExporter } from '../export/console.js';
import { wantsColour } from '../export/console-style.js';
import { createExporter } from '../export/create.js';
import type { SpanPrinter } from '../export/immediate.js';
import { ExportLimits } from '../export/limits.js';
import type { SpanExporter } from '../export/exporter.js';
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

/** Resolves when everything that was written has left the process, or its reader has gone. */
function flushed(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (!stream.writable) resolve();
    else stream.write('', () => resolve());
  });
}

interface Printers extends SpanPrinter {
  flush(): Promise<void>;
}

/** Where spans are printed: standard output, and a file or descriptor beside it. */
function printers(args: Pick<RunArguments, 'json' | 'json-to'>, toConsole: boolean): Printers {
  const targets: SpanPrinter[] = [];
  const streams: Writable[] = [process.stdout];
  // A reader that has gone: what is printed from then on is dropped and counted by the exporter.
  process.stdout.on('error', () => {});
  if (toConsole || args.json) {
    targets.push(
      new ConsoleExporter(process.stdout, {
        json: args.json,
        colour: wantsColour(process.stdout, process.env),
      }),
    );
  }
  const path = args['json-to'];
  if (path !== undefined) {
    const stream = createWriteStream(path, { fd: openSync(path, 'a') });
    streams.push(stream);
    targets.push(new ConsoleExporter(stream, { json: true, colour: false }));
  }
  return {
    export: (span) => targets.forEach((target) => target.export(span)),
    flush: async () => {
      await Promise.all(streams.map(flushed));
    },
  };
}

/** With `printed`, spans go to the printer too, also when they leave over OTLP; its end waits for what was printed. */
function withPrinter(exporter: SpanExporter, printer: Printers, printed: boolean): SpanExporter {
  return {
    // A printer beside the tracer is given all spans.
    refuses: (span, resource) => !printed && (exporter.refuses?.(span, resource) ?? false),
    export: (span) => {
      if (printed) printer.export(span);
      exporter.export(span);
    },
    flush: (ms) => exporter.flush(ms),
    shutdown: async (ms) => {
      await exporter.shutdown(ms);
      await printer.flush();
    },
    stats: () => exporter.stats(),
  };
}

export function exporterFor(
  config: Config,
  args: Pick<RunArguments, 'json' | 'json-to'>,
  limits: ExportLimits,
): SpanExporter {
  const toConsole = config.export.to === 'console';
  const printer = printers(args, toConsole);
  return withPrinter(createExporter(config.export, printer, limits), printer, !toConsole);
}

class Agent {
  readonly #backend: BpfBackend;
  readonly #clock: UnixClock;
  readonly #limits: ExportLimits;
  readonly #exporter: SpanExporter;
  readonly #pipeline: Pipeline;
  readonly #recorder: Recorder | undefined;
  #config: Config;
  #stopping: Promise<void> | undefined;

  constructor(
    private readonly args: RunArguments,
    private readonly log: Logger,
  ) {
    this.#config = loadFromCommandLine(args).config;
    const calls = native();
    // What it reads of other processes must not be read out of its own memory.
    calls.setNotDumpable();
    this.#clock = new UnixClock(calls);
    this.#backend = new BpfBackend({
      native: calls,
      config: this.#config,
      objectPath: installation.bpfObject,
      libsltPath: installation.libslt,
    });
    this.#limits = new ExportLimits(this.#config.limits);
    this.#exporter = exporterFor(this.#config, args, this.#limits);
    this.#recorder = args.record === undefined ? undefined : new Recorder(args.record);
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
    process.on('SIGHUP', () => this.#reload());
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
    const summary = summarize(this.#backend, this.#pipeline, this.#exporter);
    if (this.#pipeline.lastError !== undefined)
      this.log.error({ err: this.#pipeline.lastError }, 'a span could not be explained');
    const { lastProblem } = this.#exporter.stats();
    if (lastProblem !== undefined) this.log.warn({ problem: lastProblem }, 'the receiver refused');
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
      if (value !== of(this.#config)[1])
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
