/** The agent's own log: on standard error, for people on a terminal and as JSON elsewhere. */
import { pino, type Logger } from 'pino';
import pretty from 'pino-pretty';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogDestination {
  readonly fd: number;
  readonly isTTY: boolean;
}

/**
 * Written synchronously and without a worker: what was logged before a crash has left the process. `bigint` values
 * (nanoseconds, counts) are written as numbers in text, for JSON has no other exact form.
 */
export function createLog(
  level: LogLevel,
  destination: LogDestination = { fd: 2, isTTY: process.stderr.isTTY },
): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (!destination.isTTY) {
    return pino(
      { ...options, formatters: { level: (label) => ({ level: label }) } },
      pino.destination({ fd: destination.fd, sync: true }),
    );
  }
  const colorize = (process.env['NO_COLOR'] ?? '') === '';
  const stream = pretty({
    colorize,
    destination: destination.fd,
    sync: true,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  return pino(options, stream);
}
