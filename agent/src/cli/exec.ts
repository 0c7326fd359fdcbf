/** `exec`: starts a program so that it takes part. The process becomes that program. */
import type { CommandModule } from 'yargs';
import { native, type NativeError } from '../native.js';
import { takeCaller, type Caller } from './caller.js';
import { CliError, ProgramError, UsageError } from './failure.js';
import { installation } from './installation.js';
import { cpythonTag, findProgram, ignoresPythonPath, pythonOf } from './program.js';
import { IGNORES_PYTHON_PATH, pythonVariables, SLT_CONTEXT, PYTHON_CONTEXT } from './python-variables.js';

interface ExecArguments {
  run: boolean;
  service: string | undefined;
  '--'?: string[];
}

export const execCommand: CommandModule<object, ExecArguments> = {
  command: 'exec',
  describe: 'start a program so that it takes part: sltagent exec [--service NAME] -- CMD…',
  builder: (yargs) =>
    yargs
      .option('service', {
        type: 'string',
        requiresArg: true,
        describe: 'its service name (OTEL_SERVICE_NAME)',
      })
      .option('run', {
        type: 'boolean',
        default: false,
        describe: 'with an agent of its own, which ends with the program (needs root)',
      })
      .epilogue(
        'Exit status: that of the program; 127 where there is none of that name, 126 where it cannot be run.',
      ),
  handler: async ({ service, run, '--': words = [] }) => {
    const caller = takeCaller(process.env);
    const [command, ...rest] = words;
    if (command === undefined) {
      throw new UsageError('exec needs a program after --, for example: sltagent exec -- python3 app.py');
    }
    if (run) {
      await (await import('./exec-run.js')).execWithAgent(words, service, caller);
    }
    const program = findProgram(command, caller.environment['PATH']);
    become(program, words, withVariables(caller, service, program, rest));
  },
};

function withVariables(
  caller: Caller,
  service: string | undefined,
  program: string,
  rest: readonly string[],
): Caller {
  const { variables, warnings } = ignoresPythonPath(program, rest)
    ? { variables: {}, warnings: [IGNORES_PYTHON_PATH] }
    : pythonVariables(caller.environment);
  warnings.forEach(warn);
  const named = service === undefined ? {} : { OTEL_SERVICE_NAME: service };
  return { ...caller, environment: { ...caller.environment, ...variables, ...named } };
}

function warn(text: string): void {
  process.stderr.write(`sltagent: ${text}\n`);
}

function become(program: string, words: readonly string[], { state, environment }: Caller): never {
  if (environment[PYTHON_CONTEXT] === SLT_CONTEXT) {
    checkPython(pythonOf(program, environment['PATH']));
  }
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const addon = loadAddon();
  const start = (path: string, words: string[]): NativeError => {
    try {
      return addon.execve(path, words, variables, state);
    } catch (error) {
      return error as NativeError;
    }
  };
  let failure = start(program, [...words]);
  if (failure.code === 'ENOEXEC') {
    // A script without a first line `#!`: execvp(3) and shells give it to sh.
    failure = start('/bin/sh', ['sh', program, ...words.slice(1)]);
  }
  throw new ProgramError(
    `${program} cannot be run: ${failure.message}`,
    failure.code === 'ENOENT' ? 127 : 126,
  );
}

function loadAddon() {
  try {
    return native();
  } catch (error) {
    throw new CliError(
      `${installation.addon} cannot be loaded (${(error as Error).message.split('\n')[0]}); run: npm run setup && npm run build`,
    );
  }
}

/** Without its extension the program runs as ever, and does not take part: it never learns of us, so the user must. */
function checkPython(python: string | undefined): void {
  const tag = python === undefined ? undefined : cpythonTag(python);
  if (python !== undefined && tag !== undefined && !installation.has(installation.pythonExtension(tag))) {
    warn(
      `the extension for ${python} (${tag}) is not built, so this program does not take part; to build it: ${installation.pythonBuildCommand(python)}`,
    );
  }
}
