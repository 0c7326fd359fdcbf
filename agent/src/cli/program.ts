/** The program that `exec` starts: found as execvp(3) finds it, and asked whether Python runs it. */
import { accessSync, constants, openSync, closeSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { ProgramError } from './failure.js';

/** POSIX: where PATH is not set at all. */
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** The file behind a command. Throws ProgramError with the status of shells. */
export function findProgram(command: string, searchPath: string | undefined): string {
  const candidates = command.includes('/')
    ? [command]
    : (searchPath ?? DEFAULT_PATH)
        .split(delimiter)
        .map((folder) => join(folder === '' ? '.' : folder, command));
  let refused: string | undefined;
  for (const candidate of candidates) {
    const answer = lookAt(candidate);
    if (answer === 'program') {
      return candidate;
    }
    if (answer !== 'none') {
      refused ??= `${candidate} cannot be run: ${answer.refused}`;
    }
  }
  if (refused !== undefined) {
    throw new ProgramError(refused, 126);
  }
  throw new ProgramError(
    command.includes('/') ? `there is no file ${command}` : `there is no command ${command} on PATH`,
    127,
  );
}

/** A folder of PATH that may not be searched, or a link that leads round in a circle, is no reason not to look further. */
function lookAt(path: string): 'program' | 'none' | { readonly refused: string } {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
      return 'none';
    }
    accessSync(path, constants.X_OK);
    return 'program';
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { refused: code === 'EACCES' ? 'permission denied' : message };
  }
}

/** The longest first line that the kernel reads of a script (BINPRM_BUF_SIZE). */
const SHEBANG_BYTES = 256;

/** The Python interpreter that will run the program: itself, or the one its first line names; undefined where it is none. */
export function pythonOf(program: string, searchPath: string | undefined): string | undefined {
  if (isPython(program)) {
    return program;
  }
  const [interpreter, ...rest] = shebang(program);
  if (interpreter === undefined) {
    return undefined;
  }
  if (basename(interpreter) !== 'env') {
    return isPython(interpreter) ? interpreter : undefined;
  }
  const command = rest.find((word) => !word.startsWith('-') && !word.includes('='));
  if (command === undefined || !isPython(command)) {
    return undefined;
  }
  try {
    return findProgram(command, searchPath);
  } catch {
    return undefined;
  }
}

function isPython(path: string): boolean {
  return /^(python|pypy)[0-9.]*t?$/.test(basename(path));
}

function shebang(path: string): string[] {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    // Programs may be executable and not readable.
    return [];
  }
  try {
    const buffer = Buffer.alloc(SHEBANG_BYTES);
    const line = buffer.subarray(0, readSync(descriptor, buffer)).toString('latin1').split('\n')[0] ?? '';
    return line.startsWith('#!') ? line.slice(2).trim().split(/\s+/) : [];
  } finally {
    closeSync(descriptor);
  }
}

/** Options of CPython that take a word of their own: the rest of theirs, or the next one. -c and -m end the options. */
const WITH_VALUE = 'WX';
const LAST = 'cm';

/** Whether these words, which follow `python`, make it ignore PYTHONPATH: -E, -I, or one of them among others as in -Es. */
function isolating(words: readonly string[]): boolean {
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    // The script, which may also be standard input; what comes after it is the script's own.
    if (!word.startsWith('-') || word === '-' || word === '--') return false;
    if (word.startsWith('--')) {
      if (word === '--check-hash-based-pycs') i++;
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word.charAt(at);
      if (letter === 'E' || letter === 'I') return true;
      if (LAST.includes(letter)) return false;
      if (WITH_VALUE.includes(letter)) {
        if (at === word.length - 1) i++;
        break;
      }
    }
  }
  return false;
}

/** Whether the program is run by a Python that ignores PYTHONPATH: by the command's words, or by the script's first line. */
export function ignoresPythonPath(program: string, rest: readonly string[]): boolean {
  if (isPython(program)) return isolating(rest);
  const words = shebang(program);
  return isolating(words.slice(words.findIndex(isPython) + 1 || words.length));
}

/** `cpython-311` for the Python that a path leads to; undefined where its name does not say. */
export function cpythonTag(python: string): string | undefined {
  const version = /^python3\.(\d+)(t?)$/.exec(basename(realpathSync(python)));
  return version === null ? undefined : `cpython-3${version[1]}${version[2]}`;
}
