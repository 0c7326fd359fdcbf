/** A command line that yargs does not understand, in words that say what to write instead. */
import { nearest } from '../config/nearest.js';
import { shellWord } from './shell-word.js';

/** What there is, where yargs stopped. */
export interface Known {
  readonly commands: readonly string[];
  /** Names, without the dashes. */
  readonly options: readonly string[];
}

/** said: what yargs makes of it. words: the whole command line, without `sltagent`. */
export function explainUsage(said: string, words: readonly string[], known: Known): string {
  if (said.startsWith('Unknown command')) return unknownCommand(words, known) ?? said;
  if (said.startsWith('Unknown argument')) return unknownOption(words, known) ?? said;
  return said;
}

function unknownCommand(words: readonly string[], { commands }: Known): string | undefined {
  const [first, ...rest] = words;
  if (first === undefined) return undefined;
  if (first === 'exec') return missingDashes(rest);
  if (commands.includes(first)) return undefined;
  const meant = nearest(first, commands);
  return `${first}: unknown command, ${meant === undefined ? 'sltagent --help lists them' : `did you mean ${meant}?`}`;
}

/** Options come before the program, so what is no option begins it, but for the value of one. */
function missingDashes(rest: readonly string[]): string | undefined {
  const at = rest.findIndex((word, i) => !word.startsWith('-') && rest[i - 1] !== '--service');
  if (at === -1) return undefined;
  const line = ['sltagent', 'exec', ...rest.slice(0, at), '--', ...rest.slice(at)].map(shellWord).join(' ');
  return `exec needs -- before the program: ${line}`;
}

/** yargs names an option twice where it has a dash, once in camel case: the words say how it was written. */
function unknownOption(words: readonly string[], { options }: Known): string | undefined {
  const end = words.indexOf('--');
  const own = end === -1 ? words : words.slice(0, end);
  const written = own
    .filter((word) => word.startsWith('--'))
    .map((word) => word.slice(2).replace(/=.*$/s, ''))
    .find((name) => !options.includes(name));
  if (written === undefined) return undefined;
  const meant = nearest(written, options);
  const hint =
    meant === undefined
      ? `there are ${options.map((name) => `--${name}`).join(', ')}`
      : `did you mean --${meant}?`;
  return `--${written}: unknown option, ${hint}`;
}
