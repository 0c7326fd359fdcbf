/** What agent/bin/sltagent wrote down of its caller for `exec`, before Node changed it. */
import type { ExecState } from '../native.js';
import { CliError } from './failure.js';

export interface Caller {
  readonly state: ExecState;
  readonly environment: Readonly<Record<string, string>>;
}

const STATE = 'SLTAGENT_CALLER';
const ENVIRON = 'SLTAGENT_CALLER_ENVIRON';

/** Takes both variables out of `environment`. Throws CliError where the launcher did not set them. */
export function takeCaller(environment: NodeJS.ProcessEnv): Caller {
  const fields = /^([0-9a-f]{16}) ([0-9a-f]{16}) (\d+|unlimited) (\d+|unlimited) ([0-9,]*)$/.exec(
    environment[STATE] ?? '',
  );
  const environ = environment[ENVIRON] ?? '';
  for (const variable of [STATE, ENVIRON]) Reflect.deleteProperty(environment, variable);
  if (fields === null) {
    throw new CliError(
      'exec has to be started as `sltagent exec` (agent/bin/sltagent), which keeps the signals and limits of its caller',
    );
  }
  const [, ignored, blocked, soft, hard, descriptors] = fields;
  return {
    state: {
      ignoredSignals: BigInt(`0x${ignored}`),
      blockedSignals: BigInt(`0x${blocked}`),
      openFiles: { soft: limit(soft), hard: limit(hard) },
      descriptors: (descriptors ?? '')
        .split(',')
        .filter((text) => text !== '')
        .map(Number),
    },
    environment:
      environ === ''
        ? withoutUndefined(environment)
        : parseEnviron(Buffer.from(environ, 'base64').toString()),
  };
}

function limit(text: string | undefined): number {
  return text === undefined || text === 'unlimited' ? Infinity : Number(text);
}

function withoutUndefined(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function parseEnviron(environ: string): Record<string, string> {
  const entries = environ.split('\0').flatMap((entry) => {
    const equals = entry.indexOf('=', 1);
    return equals === -1 ? [] : [[entry.slice(0, equals), entry.slice(equals + 1)] as const];
  });
  return Object.fromEntries(entries);
}
