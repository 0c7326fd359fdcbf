/** The parts of this installation that are built, and the BPF object loaded for real. */
import { spawnSync } from 'node:child_process';
import type { Config } from '../../../../schemas/config/schema.js';
import { JOURNAL_PROBE, loadObject, PROBES } from '../../backend/bpf/load.js';
import { elfSymbols } from '../../host/elf.js';
import type { HostKernel } from '../../host/kernel.js';
import { native, type Native } from '../../native.js';
import { installation } from '../installation.js';
import { firstLine, type Finding } from './finding.js';

const BUILD = 'Run: npm run setup && npm run build';

/** The addon, and the finding about it. */
export function checkAddon(): { calls: Native | undefined; finding: Finding } {
  try {
    const calls = native();
    return {
      calls,
      finding: { id: 'parts.addon', verdict: 'ready', found: `the addon is built (${installation.addon})` },
    };
  } catch (error) {
    const found = `the addon cannot be loaded: ${firstLine(error)}`;
    return { calls: undefined, finding: { id: 'parts.addon', verdict: 'missing', found, remedy: BUILD } };
  }
}

/** Loads everything as `run` does, attaches nothing, and frees it again. */
export function checkLoad(calls: Native, config: Config, kernel: HostKernel): Finding[] {
  const request = {
    objectPath: installation.bpfObject,
    kernelMemory: config.limits.kernel_memory,
    processes: config.limits.processes,
  };
  const id = 'parts.bpf';
  if (!installation.has(request.objectPath)) {
    return [{ id, verdict: 'missing', found: `${request.objectPath} is not built`, remedy: BUILD }];
  }
  try {
    const { object, sizes, notes } = loadObject(calls, request, kernel);
    object.close();
    const found = `the BPF programs load; room for ${sizes.spans} open spans and ${sizes.threads} threads`;
    return [
      { id, verdict: 'ready', found },
      ...notes.map((note): Finding => ({ id: 'parts.bpf.note', verdict: 'ready', found: note })),
    ];
  } catch (error) {
    const remedy = remedyOf(error);
    // A BackendError says its remedy at the end of its message, too.
    return [{ id, verdict: 'missing', found: firstLine(error).replace(remedy, '').trimEnd(), remedy }];
  }
}

function remedyOf(error: unknown): string {
  const remedy = typeof error === 'object' && error !== null && 'remedy' in error ? error.remedy : undefined;
  return typeof remedy === 'string' ? remedy : 'Report this with the output of: sltagent check --json';
}

export function checkLibslt(): Finding {
  const id = 'parts.libslt';
  const path = installation.libslt;
  if (!installation.has(path)) {
    return { id, verdict: 'missing', found: `${path} is not built`, remedy: BUILD };
  }
  const probes = [...PROBES, JOURNAL_PROBE];
  const wanted = probes.flatMap((probe) => [`slt_${probe}`, `slt_${probe}_semaphore`]);
  const lacking = wanted.filter((name) => !symbolsOf(path, wanted).has(name));
  return lacking.length === 0
    ? { id, verdict: 'ready', found: `libslt.so has its ${probes.length} probe sites` }
    : { id, verdict: 'missing', found: `${path} lacks ${lacking.join(', ')}`, remedy: BUILD };
}

function symbolsOf(path: string, names: readonly string[]): ReadonlyMap<string, unknown> {
  try {
    return elfSymbols(path, names);
  } catch {
    // Not an ELF file: it lacks every symbol.
    return new Map();
  }
}

/** The extension for the `python3` on PATH. Other interpreters are told about by `exec`, when one is started. */
export function checkPython(): Finding {
  const id = 'parts.python';
  const answer = spawnSync('python3', ['-I', '-c', 'import sys; print(sys.implementation.cache_tag)'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  if (answer.status !== 0) {
    return {
      id,
      verdict: 'ready',
      found: 'there is no python3 on PATH that runs; Python services bring their own',
    };
  }
  const tag = answer.stdout.trim();
  if (installation.has(installation.pythonExtension(tag))) {
    return { id, verdict: 'ready', found: `the extension for python3 (${tag}) is built` };
  }
  return {
    id,
    verdict: 'limited',
    found: `the extension for python3 (${tag}) is not built: services that it runs do not take part`,
    remedy: `Run: ${installation.pythonBuildCommand('python3')}`,
  };
}
