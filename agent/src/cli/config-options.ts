/** The flags that set keys of the configuration, the same for every command that needs it. */
import { readFileSync } from 'node:fs';
import type { Options } from 'yargs';
import { configKeys } from '../../../schemas/config/keys.js';
import { valueOf } from '../config/environment.js';
import type { Setting } from '../config/layer.js';
import { loadConfig, type LoadedConfig } from '../config/load.js';
import { ConfigError } from '../config/error.js';

export const configOptions = {
  config: { type: 'string', requiresArg: true, describe: 'configuration file (YAML)' },
  backend: { type: 'string', requiresArg: true, describe: 'bpf, or auto' },
  capture: { type: 'string', requiresArg: true, describe: 'all, blocking or escalate' },
  threshold: {
    type: 'string',
    requiresArg: true,
    describe: 'annotate spans from this duration on, such as 50ms',
  },
  export: { type: 'string', requiresArg: true, describe: 'console or otlp' },
  'otlp-endpoint': { type: 'string', requiresArg: true, describe: 'URL of an OTLP receiver; spans go there' },
  syscalls: {
    type: 'string',
    requiresArg: true,
    describe: 'names and classes, such as file,net,!epoll_wait',
  },
} as const satisfies Record<string, Options>;

export type ConfigArguments = { readonly [Option in keyof typeof configOptions]?: string | undefined };

/** By flag, the key that it sets. */
const KEY_OF_FLAG = {
  backend: 'backend',
  capture: 'capture',
  threshold: 'threshold',
  export: 'export.to',
  'otlp-endpoint': 'export.otlp.endpoint',
} as const satisfies Partial<Record<keyof ConfigArguments, string>>;

/**
 * Reads the file again at each call: also what a reload does. Throws ConfigError.
 */
export function loadFromCommandLine(args: ConfigArguments): LoadedConfig {
  const path = args.config;
  return loadConfig({
    file: path === undefined ? undefined : { path, text: read(path) },
    environment: process.env,
    flags: settingsOf(args),
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError([{ where: path, key: '', message: `cannot be read: ${(error as Error).message}` }]);
  }
}

function settingsOf(args: ConfigArguments): Setting[] {
  const plain = Object.entries(KEY_OF_FLAG).flatMap(([flag, name]) => {
    const text = args[flag as keyof typeof KEY_OF_FLAG];
    const key = configKeys.find((candidate) => candidate.name === name);
    return text === undefined || key === undefined
      ? []
      : [{ path: key.path, value: valueOf(text, key.kind.environment), where: `--${flag}` }];
  });
  return args.syscalls === undefined ? plain : [...plain, ...syscallSettings(args.syscalls)];
}

/** One flag for both lists: a name after `!` is excluded. */
function syscallSettings(text: string): Setting[] {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const where = '--syscalls';
  return [
    { path: ['syscalls', 'include'], value: words.filter((word) => !word.startsWith('!')), where },
    {
      path: ['syscalls', 'exclude'],
      value: words.filter((word) => word.startsWith('!')).map((word) => word.slice(1)),
      where,
    },
  ];
}
