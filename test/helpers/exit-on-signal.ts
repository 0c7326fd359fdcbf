/** For programs whose children are ended on `exit`, which a signal alone does not bring about. */
import { constants } from 'node:os';

/** Interrupted, the process exits as a shell says it: with 128 and the number of the signal. */
export function exitOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
}
