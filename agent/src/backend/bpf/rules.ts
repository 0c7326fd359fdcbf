/** The validated configuration in the form that the kernel side reads (schemas/wire/control.h). */
import type { Config } from '../../../../schemas/config/schema.js';
import { thresholds } from '../../config/rules.js';
import { CaptureMode, SyscallFlag, writeSyscallRule, type Control } from '../../wire/layout.js';
import { nativeNumber } from '../../wire/syscall-table-compat.js';
import { syscallTable } from '../../wire/syscall-table.js';
import { syscallWaits, takesDescriptor } from '../../wire/syscall-waits.js';
import { sharesOf, type MapSizes } from './sizes.js';

/** SLT_SYSCALLS_MAX */
export const SYSCALLS = 1024;

/** A call that took this long has its descriptor looked at: well above a call that only copies, far below what anybody calls slow. */
const DETAIL_NS = 20_000n;

/** Elements of the map `syscalls`, in order, back to back. */
export function syscallRules(config: Config): Uint8Array {
  const chosen = syscallTable.chosen(config.syscalls);
  const elements = Array.from({ length: SYSCALLS }, (_, wireNumber) => {
    const number = nativeNumber(wireNumber);
    return writeSyscallRule({
      flags:
        (chosen.has(number) ? SyscallFlag.RECORD : 0) |
        (takesDescriptor.has(number) ? SyscallFlag.TAKES_FD : 0),
      wait: syscallWaits.get(number) ?? 0,
    });
  });
  return Buffer.concat(elements);
}

/** The lowest threshold of any service and operation: what a name that no table holds is held against. */
export function lowestThreshold(config: Config): bigint {
  const services = config.rules.flatMap((rule) => rule.threshold ?? []);
  return [thresholds(config).lowestOf(''), ...services].reduce((a, b) => (a < b ? a : b), config.threshold);
}

/** The highest: what is longer is slow by every rule. */
export function highestThreshold(config: Config): bigint {
  const values = config.rules.flatMap((rule) => rule.threshold ?? []);
  return values.reduce((a, b) => (a > b ? a : b), config.threshold);
}

/** The limits of one process and of one user are shares of what there is. */
export function controlBlock(
  config: Config,
  sizes: MapSizes,
  state: {
    generation: number;
    attachedNs: bigint;
    callsAttachedNs: bigint;
    thresholdBeforeNs: bigint;
    highestBeforeNs: bigint;
  },
): Control {
  const spans = sharesOf(sizes.spans);
  const threads = sharesOf(sizes.threads);
  const parts = sharesOf(sizes.parts);
  const highest = highestThreshold(config);
  return {
    generation: state.generation,
    filterUsers: config.filter.users.length > 0 ? 1 : 0,
    filterCgroups: config.filter.cgroups.length > 0 ? 1 : 0,
    spansPerSecondProcess: config.limits.spans_per_second,
    spansPerSecondUser: 4 * config.limits.spans_per_second,
    spansOpenProcess: spans.process,
    spansOpenUser: spans.user,
    processesUser: sharesOf(sizes.processes).user,
    threadsProcess: threads.process,
    threadsUser: threads.user,
    partsProcess: parts.process,
    partsUser: parts.user,
    bytesPerSecondProcess: BigInt(2 * sizes.ring),
    bytesPerSecondUser: BigInt(4 * sizes.ring),
    thresholdNs: lowestThreshold(config),
    thresholdBeforeNs: state.thresholdBeforeNs,
    thresholdHighestNs: highest > state.highestBeforeNs ? highest : state.highestBeforeNs,
    capture: config.capture === 'all' ? CaptureMode.ALL : CaptureMode.BLOCKING,
    attachedNs: state.attachedNs,
    callsAttachedNs: state.callsAttachedNs,
    detailNs: DETAIL_NS,
  };
}
