/** The command line: which commands there are, and how one that fails ends. */
import { writeSync } from 'node:fs';
import yargs, { type Argv, type CommandModule } from 'yargs';
import { NOT_BUILT } from '../../../schemas/config/not-built.js';
import { describeFailure, UsageError } from './failure.js';
import { installation } from './installation.js';
import { explainUsage } from './usage.js';

/** Puts a command into the frame; its arguments are known to itself only. */
type Register = (frame: Argv) => Argv;

function register<Arguments>(module: CommandModule<object, Arguments>): Register {
  return (frame) => frame.command(module);
}

/** By name, and loaded on use: `exec` stands before every start of a service, and needs little of the rest. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  run: async () => register((await import('./run.js')).runCommand),
  exec: async () => register((await import('./exec.js')).execCommand),
  env: async () => register((await import('./env.js')).envCommand),
  check: async () => register((await import('./check.js')).checkCommand),
  replay: async () => register((await import('./replay.js')).replayCommand),
  config: async () => register((await import('./config.js')).configCommand),
};

/** Of interface.md, which are to be refused with that word. */
const COMMANDS_TO_COME: readonly string[] = ['inflight'];

/** The command that is named, or all where none is, to say which there are. */
async function commands(word: string | undefined): Promise<Register[]> {
  const named = word !== undefined && Object.hasOwn(COMMANDS, word) ? COMMANDS[word] : undefined;
  return Promise.all((named === undefined ? Object.values(COMMANDS) : [named]).map((load) => load()));
}

/** The options of the command that was being read. New aliases are yargs' own, and what it made of unknown options. */
function optionsOf({ parsed }: Argv): string[] {
  if (parsed === false) return [];
  return Object.keys(parsed.aliases).filter((name) => name.length > 1 && parsed.newAliases[name] !== true);
}

async function main(words: readonly string[]): Promise<void> {
  const frame = yargs([...words])
    .scriptName('sltagent')
    .usage('$0 COMMAND [OPTIONS]\n\nSays in your own trace why a span was slow, from kernel events.')
    .parserConfiguration({
      'populate--': true,
      'duplicate-arguments-array': false,
      'boolean-negation': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .strictCommands()
    .strict()
    .demandCommand(1, 'a command is needed; sltagent --help lists them')
    .version(installation.version())
    .help()
    .alias('help', 'h')
    .wrap(process.stdout.isTTY ? Math.min(process.stdout.columns, 120) : 100)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      // What yargs itself finds wrong comes as a YError.
      if (error !== undefined && error.name !== 'YError') throw error;
      const said = error?.message ?? message ?? 'the command line is not understood';
      const known = { commands: Object.keys(COMMANDS), options: optionsOf(frame) };
      throw new UsageError(explainUsage(said, words, known));
    });
  if (words[0] !== undefined && COMMANDS_TO_COME.includes(words[0]))
    throw new UsageError(`${words[0]}: ${NOT_BUILT}`);
  const registers = await commands(words[0]);
  await registers.reduce((registered, add) => add(registered), frame).parseAsync();
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const { text, exitStatus } = describeFailure(error);
  // Written at once, for a command that fails may end the process by other means before a stream is flushed.
  writeSync(2, `sltagent: ${text}\n`);
  process.exitCode = exitStatus;
});
