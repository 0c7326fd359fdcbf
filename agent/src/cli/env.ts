/** `env`: the variables that exec would set, for a container's specification. */
import type { CommandModule } from 'yargs';
import { NOT_BUILT } from '../../../schemas/config/not-built.js';
import { UsageError } from './failure.js';
import { installation } from './installation.js';
import { PYTHON_CONTEXT, SLT_CONTEXT } from './python-variables.js';
import { shellWord } from './shell-word.js';

const LANGUAGES = ['python', 'node', 'java', 'cpp'] as const;

interface EnvArguments {
  language: (typeof LANGUAGES)[number];
  service: string | undefined;
  json: boolean;
}

export const envCommand: CommandModule<object, EnvArguments> = {
  command: 'env <language>',
  describe: 'print the variables that exec would set',
  builder: (yargs) =>
    yargs
      .positional('language', {
        choices: LANGUAGES,
        demandOption: true,
        describe: 'the language of the service',
      })
      .option('service', {
        type: 'string',
        requiresArg: true,
        describe: 'its service name (OTEL_SERVICE_NAME)',
      })
      .option('json', { type: 'boolean', default: false, describe: 'print a JSON object' }),
  handler: ({ language, service, json }) => {
    if (language !== 'python') {
      throw new UsageError(`env ${language}: ${NOT_BUILT}; python is`);
    }
    const variables = {
      PYTHONPATH: installation.pythonSite,
      [PYTHON_CONTEXT]: SLT_CONTEXT,
      ...(service === undefined ? {} : { OTEL_SERVICE_NAME: service }),
    };
    process.stdout.write(json ? `${JSON.stringify(variables)}\n` : exportLines(variables));
  },
};

/** Lines for a POSIX shell. A PYTHONPATH that the shell has already is kept behind ours. */
function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(
      ([name, value]) =>
        `export ${name}=${shellWord(value)}${name === 'PYTHONPATH' ? '"${PYTHONPATH:+:$PYTHONPATH}"' : ''}\n`,
    )
    .join('');
}
