/** What is known of a tracked process outside the kernel's records, read once when it is first seen and kept until a while after it has gone. */
import { hostname } from 'node:os';
import { findRuntime, type RuntimeFound } from '../host/libraries.js';
import { otelEnvironment, processContainer, processExecutable, processName } from '../host/processes.js';
import type { ProcessKey } from '../spans/evidence.js';
import type { Attributes } from './resolved.js';

export interface ProcessFacts {
  readonly name: string;
  /** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES of its environment, as attributes. */
  readonly environment: Attributes;
  /** process.pid, process.executable.name, host.name, container.id, k8s.pod.uid. */
  readonly attributes: Attributes;
  readonly runtime: RuntimeFound;
}

/** W3C Baggage's form, as the OpenTelemetry specification says for OTEL_RESOURCE_ATTRIBUTES: key=value, comma separated, percent-encoded values. */
export function parseResourceAttributes(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=');
    if (at <= 0) continue;
    const value = pair.slice(at + 1).trim();
    try {
      found[pair.slice(0, at).trim()] = decodeURIComponent(value);
    } catch {
      // The specification says to drop all on an error; one bad value shall not hide the others here.
      found[pair.slice(0, at).trim()] = value;
    }
  }
  return found;
}

/** What may not be read (another user's process, a security module) is left out like what has gone: a name less, not an agent less. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EPERM') return undefined;
    throw error;
  }
}

function optional(key: string, value: string | undefined): Attributes {
  return value === undefined ? {} : { [key]: value };
}

/** Reads /proc. What has vanished meanwhile is left out. */
export function readProcessFacts({ pid }: ProcessKey): ProcessFacts {
  const environment = readable(() => otelEnvironment(pid));
  const container = readable(() => processContainer(pid));
  const name = readable(() => processName(pid)) ?? `pid ${pid}`;
  return {
    name,
    environment: {
      ...parseResourceAttributes(environment?.OTEL_RESOURCE_ATTRIBUTES ?? ''),
      ...optional('service.name', environment?.OTEL_SERVICE_NAME),
    },
    attributes: {
      'process.pid': pid,
      'host.name': hostname(),
      ...optional(
        'process.executable.name',
        readable(() => processExecutable(pid))
          ?.split('/')
          .at(-1),
      ),
      ...optional('container.id', container?.id),
      ...optional('k8s.pod.uid', container?.podUid),
    },
    runtime: readable(() => findRuntime(pid)) ?? { runtime: undefined },
  };
}
