/** Whether one process takes part, for `check --pid`. */
import { statSync } from 'node:fs';
import {
  mappedFiles,
  openablePath,
  otelEnvironment,
  processName,
  processStart,
  type MappedFile,
} from '../../host/processes.js';
import { findRuntime, isLibslt } from '../../host/libraries.js';
import { native } from '../../native.js';
import { installation } from '../installation.js';
import { MachineError, UsageError } from '../failure.js';
import type { Finding } from './finding.js';

/**
 * Of its environment only OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are ever read: whether it has the variables
 * that `exec` sets shows in what it maps. Throws UsageError where there is no such process.
 */
export function checkProcess(pid: number): Finding[] {
  if (processStart(pid) === undefined) {
    throw new UsageError(`there is no process ${pid}`);
  }
  try {
    // As `run`: what it reads of another process must not be read out of its own memory.
    native().setNotDumpable();
    const files = mappedFiles(pid);
    return [takesPart(pid, files), ...sameLibrary(pid, files), service(pid)];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new MachineError(
        `process ${pid} may not be looked into (${code}): run the check as root, or with CAP_SYS_PTRACE`,
      );
    }
    throw error;
  }
}

function takesPart(pid: number, files: readonly MappedFile[]): Finding {
  const id = 'process.takes_part';
  const name = `process ${pid} (${processName(pid) ?? 'gone'})`;
  if (files.some(isLibslt)) {
    return { id, verdict: 'ready', found: `${name} takes part: it maps libslt` };
  }
  const python = findRuntime(pid).runtime === 'python';
  return {
    id,
    verdict: 'limited',
    found: `${name} does not take part: it maps no libslt`,
    remedy: python
      ? 'Start it under: sltagent exec -- CMD…, with the OpenTelemetry SDK installed. A Python program maps libslt at its first import of opentelemetry.'
      : `Start it under: sltagent exec -- CMD…. Python is the only language so far.`,
  };
}

/** A copy, or a file that was replaced since, works as well; it matters to who wonders about versions. */
function sameLibrary(pid: number, files: readonly MappedFile[]): Finding[] {
  return files.filter(isLibslt).map((file) => {
    const ours = statSync(installation.libslt, { throwIfNoEntry: false });
    const theirs = statSync(openablePath(pid, file), { throwIfNoEntry: false });
    const same = ours !== undefined && ours.dev === theirs?.dev && ours.ino === theirs.ino;
    return {
      id: 'process.libslt',
      verdict: 'ready',
      found: same
        ? `its libslt is this installation's`
        : `its libslt is another file than this installation's: ${file.path}`,
    };
  });
}

function service(pid: number): Finding {
  const environment = otelEnvironment(pid);
  const name =
    environment?.OTEL_SERVICE_NAME ??
    /(?:^|,)\s*service\.name=([^,]*)/.exec(environment?.OTEL_RESOURCE_ATTRIBUTES ?? '')?.[1];
  const found =
    name === undefined
      ? 'its environment names no service; the name that it sets in code is used'
      : `its environment names the service ${name}`;
  return { id: 'process.service', verdict: 'ready', found };
}
