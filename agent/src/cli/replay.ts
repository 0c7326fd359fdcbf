/** `sltagent replay FILE`: explains a recorded stream again, with the rules and exporters of the configuration. */
import type { Argv, CommandModule } from 'yargs';
import { readRecording, RecordingError, type RecordedEntry } from '../backend/recording.js';
import { ReplayBackend } from '../backend/replay.js';
import { ExportLimits } from '../export/limits.js';
import type { ProcessFacts } from '../resolve/process-facts.js';
import { Resolver, type Surroundings } from '../resolve/resolver.js';
import type { ProcessKey } from '../spans/evidence.js';
import { createLog } from '../telemetry/log.js';
import { configOptions, loadFromCommandLine } from './config-options.js';
import { CliError } from './failure.js';
import { Pipeline } from './pipeline.js';
import { exporterFor, outputOptions, type RunArguments } from './run.js';
import { summarize } from './summary.js';

interface ReplayArguments extends RunArguments {
  readonly file: string;
}

interface RecordedFacts {
  readonly process: ProcessKey;
  readonly facts: ProcessFacts;
  readonly unixOffsetNs: bigint;
}

/** What the recording kept of the host. Names of threads and files were not kept. */
function recordedSurroundings(entries: readonly RecordedEntry[]): Surroundings {
  const recorded = entries.flatMap((entry) => (entry.kind === 'facts' ? [entry.value as RecordedFacts] : []));
  const byProcess = new Map(
    recorded.map((item) => [`${item.process.pid} ${item.process.startNs}`, item.facts]),
  );
  const offset = recorded.at(-1)?.unixOffsetNs ?? 0n;
  return {
    facts: (process) =>
      byProcess.get(`${process.pid} ${process.startNs}`) ?? {
        name: `pid ${process.pid}`,
        environment: {},
        attributes: { 'process.pid': process.pid },
        runtime: { runtime: undefined },
      },
    threadName: () => undefined,
    filePath: () => undefined,
    unixOffsetNs: () => offset,
  };
}

function entriesOf(path: string): RecordedEntry[] {
  try {
    return readRecording(path);
  } catch (error) {
    if (error instanceof RecordingError) throw new CliError(error.message);
    throw new CliError(`${path} cannot be read: ${(error as Error).message}`);
  }
}

async function replay(args: ReplayArguments): Promise<void> {
  const { config } = loadFromCommandLine(args);
  const entries = entriesOf(args.file);
  const backend = new ReplayBackend(entries);
  // What left then has left; all of it is shown now.
  const limits = new ExportLimits({
    annotated_per_second: Number.MAX_SAFE_INTEGER,
    subspans_per_trace: Number.MAX_SAFE_INTEGER,
  });
  const log = createLog(args['log-level']);
  const exporter = exporterFor(config, args, limits, log);
  const pipeline = new Pipeline(
    { backend, exporter, resolver: new Resolver(recordedSurroundings(entries)) },
    config,
  );
  await backend.start({ batch: (bytes) => pipeline.assembler.batch(bytes), warning: () => undefined });
  await exporter.shutdown(30_000);
  log.info(summarize(backend, pipeline, exporter), 'replayed');
}

export const replayCommand: CommandModule<object, ReplayArguments> = {
  command: 'replay <file>',
  describe: 'explain a stream that `run --record` kept',
  builder: (frame: Argv) =>
    frame
      .positional('file', { type: 'string', demandOption: true })
      .options({ ...configOptions, ...outputOptions }),
  handler: (args) => replay(args),
};
