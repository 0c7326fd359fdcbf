/** The capabilities of this process. By them and not by the user, for uid 0 in a container may have none. */
import type { SystemCalls } from '../native.js';

/** Numbers: linux/capability.h. */
const NUMBERS = { CAP_SYS_PTRACE: 19n, CAP_SYS_ADMIN: 21n, CAP_PERFMON: 38n, CAP_BPF: 39n } as const;

export type Capability = keyof typeof NUMBERS;

export type CapabilityCalls = Pick<SystemCalls, 'effectiveCapabilities'>;

export function hasCapability(calls: CapabilityCalls, capability: Capability): boolean {
  return (calls.effectiveCapabilities() & (1n << NUMBERS[capability])) !== 0n;
}

export function mayLoadBpf(calls: CapabilityCalls): boolean {
  return (
    hasCapability(calls, 'CAP_SYS_ADMIN') ||
    (hasCapability(calls, 'CAP_BPF') && hasCapability(calls, 'CAP_PERFMON'))
  );
}
