/** Errors that end a command, and the exit status that each stands for. */
import { ConfigError } from '../config/error.js';

/** Something that the command line itself tells the user; its message is a whole sentence about what to do. */
export class CliError extends Error {
  readonly code: string = 'ERR_CLI';
  /** 0 fine, 1 failed while running, 2 wrong usage or configuration, 3 the machine cannot do it; exec uses those of shells. */
  readonly exitStatus: number = 1;
}

export class UsageError extends CliError {
  override readonly code = 'ERR_USAGE';
  override readonly exitStatus = 2;
}

export class MachineError extends CliError {
  override readonly code = 'ERR_MACHINE';
  override readonly exitStatus = 3;
}

/** As shells say it: 127, there is no such program; 126, there is one that cannot be run. */
export class ProgramError extends CliError {
  override readonly code = 'ERR_PROGRAM';
  constructor(
    message: string,
    override readonly exitStatus: 126 | 127,
  ) {
    super(message);
  }
}

/** What a user sees of an error, without a stack where the error was made for a user. */
export function describeFailure(error: unknown): { text: string; exitStatus: number } {
  if (error instanceof CliError) {
    return { text: error.message, exitStatus: error.exitStatus };
  }
  if (error instanceof ConfigError) {
    // Each problem has a line, and each line says whose it is.
    return { text: error.message.replaceAll('\n', '\nsltagent: '), exitStatus: 2 };
  }
  return { text: error instanceof Error ? (error.stack ?? error.message) : String(error), exitStatus: 1 };
}
