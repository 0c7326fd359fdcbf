/**
 * Figures of others that stand beside ours. They were not measured by this bench: the research system's are from its
 * own modules on Linux 5.10 in QEMU, counted in instructions; the tools' are from an earlier day on a machine of the
 * same kind, and tell how far a figure here may be trusted.
 */
import type { Call } from './measured.js';

export const RESEARCH_ORIGIN = 'published figures from Linux 5.10 in QEMU, not measured here';

export interface PublishedState {
  readonly state: string;
  readonly process: 'traced' | 'other';
  /** getpid, to the modules not loaded. */
  readonly ratio: number;
}

export const RESEARCH_SYSTEM: readonly PublishedState[] = [
  { state: 'loaded, tracking off', process: 'other', ratio: 1.49 },
  { state: 'tracking on, a process that is not tracked', process: 'other', ratio: 1.95 },
  { state: 'tracked, span under the threshold', process: 'traced', ratio: 4.95 },
  { state: 'tracked, span over the threshold', process: 'traced', ratio: 13.1 },
];

type Ratios = Readonly<Record<Call, number>>;

/** Slowdown of the traced process, by the name of the tool. */
export const EARLIER: Readonly<Record<string, Ratios>> = {
  'strace -f -c': { getppid: 93, read: 72, write: 61 },
  'perf trace -s': { getppid: 211, read: 121, write: 138 },
  'perf record raw_syscalls': { getppid: 11.1, read: 7.4, write: 7.4 },
  'bpftrace count + histogram': { getppid: 6.5, read: 5.1, write: 5.3 },
  'libbpf-tools syscount -L': { getppid: 4.5, read: 3.5, write: 3.7 },
};
