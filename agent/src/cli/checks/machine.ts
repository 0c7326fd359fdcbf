/** Kernel and privileges: what the machine brings along. */
import { hasCapability, mayLoadBpf } from '../../host/capabilities.js';
import type { HostKernel } from '../../host/kernel.js';
import type { FeatureAnswer, Native } from '../../native.js';
import type { Finding } from './finding.js';

/** The oldest kernel that the BPF programs load on. */
const OLDEST = [5, 10] as const;

/** Numbers of the kernel's UAPI, linux/bpf.h. */
const BPF_PROG_TYPE_RAW_TRACEPOINT = 17;
const BPF_MAP_TYPE_RINGBUF = 27;

export function checkKernel(kernel: HostKernel): Finding[] {
  const [major, minor] = kernel.version;
  const old = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  return [
    old
      ? {
          id: 'kernel.version',
          verdict: 'missing',
          found: `Linux ${kernel.release}`,
          remedy: `Linux ${OLDEST.join('.')} or later is needed.`,
        }
      : { id: 'kernel.version', verdict: 'ready', found: `Linux ${kernel.release}` },
    kernel.btf
      ? {
          id: 'kernel.btf',
          verdict: 'ready',
          found: 'the kernel describes its types (/sys/kernel/btf/vmlinux)',
        }
      : {
          id: 'kernel.btf',
          verdict: 'missing',
          found: 'there is no /sys/kernel/btf/vmlinux',
          remedy:
            'Use a kernel with CONFIG_DEBUG_INFO_BTF, as the distributions build it; in a container, mount /sys.',
        },
  ];
}

export function checkPrivileges(
  calls: Pick<Native, 'effectiveCapabilities' | 'probeUprobeMulti'>,
): Finding[] {
  const remedy = 'Run as root; in a container, privileged, or with CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE.';
  const admin = hasCapability(calls, 'CAP_SYS_ADMIN');
  const bpf = mayLoadBpf(calls);
  const probes = admin || (bpf && calls.probeUprobeMulti() === 'yes');
  return [
    bpf
      ? { id: 'privileges.bpf', verdict: 'ready', found: 'may load BPF programs' }
      : {
          id: 'privileges.bpf',
          verdict: 'missing',
          found: 'may not load BPF programs: neither CAP_BPF with CAP_PERFMON nor CAP_SYS_ADMIN',
          remedy,
        },
    ...(bpf ? [uprobes(probes)] : []),
    hasCapability(calls, 'CAP_SYS_PTRACE')
      ? { id: 'privileges.processes', verdict: 'ready', found: 'may look into the processes of other users' }
      : {
          id: 'privileges.processes',
          verdict: 'limited',
          found:
            'may not look into the processes of other users (no CAP_SYS_PTRACE): their service names and copies of libslt are not found',
          remedy,
        },
  ];
}

function uprobes(allowed: boolean): Finding {
  const id = 'privileges.uprobes';
  if (allowed) return { id, verdict: 'ready', found: 'may attach uprobes' };
  return {
    id,
    verdict: 'missing',
    found:
      'may not attach uprobes: there are no uprobe.multi links here (Linux 6.6 and later), and perf_event_open wants CAP_SYS_ADMIN for them',
    remedy: 'Add CAP_SYS_ADMIN.',
  };
}

/** Asked of the kernel one by one, so that a load that fails is explained. */
export function checkFeatures(
  calls: Pick<Native, 'probeProgramType' | 'probeMapType' | 'probeUprobeMulti' | 'libbpfVersion'>,
): Finding[] {
  return [
    feature(
      'bpf.raw_tracepoint',
      'raw tracepoint programs',
      calls.probeProgramType(BPF_PROG_TYPE_RAW_TRACEPOINT),
    ),
    feature('bpf.ring_buffer', 'BPF ring buffers', calls.probeMapType(BPF_MAP_TYPE_RINGBUF)),
    uprobeMulti(calls.probeUprobeMulti()),
    { id: 'bpf.libbpf', verdict: 'ready', found: `libbpf ${calls.libbpfVersion()}` },
  ];
}

function feature(id: string, name: string, answer: FeatureAnswer): Finding {
  switch (answer) {
    case 'yes':
      return { id, verdict: 'ready', found: `the kernel has ${name}` };
    case 'no':
      return {
        id,
        verdict: 'missing',
        found: `the kernel has no ${name}`,
        remedy: `Linux ${OLDEST.join('.')} or later, with CONFIG_BPF_EVENTS, is needed.`,
      };
    case 'unknown':
      return {
        id,
        verdict: 'unknown',
        found: `whether the kernel has ${name} could not be told`,
        remedy: 'Run the check as root.',
      };
  }
}

/** Either way the uprobes work; without it they need CAP_SYS_ADMIN, which is checkPrivileges' matter. */
function uprobeMulti(answer: FeatureAnswer): Finding {
  const words = {
    yes: 'uprobe.multi links',
    no: 'perf_event_open (no uprobe.multi links)',
    unknown: 'perf_event_open (whether there are uprobe.multi links could not be told)',
  };
  return { id: 'bpf.uprobes', verdict: 'ready', found: `uprobes are attached by ${words[answer]}` };
}
