/** When a service is slow often enough that each of its system calls is worth recording for a while. Pure: the caller brings the time. */
import type { Config } from '../../../schemas/config/schema.js';

type Settings = Config['escalate'];

/** Services and operations that are kept apart: names come from applications, some put an id into each. */
const MOST_SERVICES = 1024;
const MOST_OPERATIONS = 256;

interface Service {
  /** When the latest slow spans of an operation were, at most `slow_spans` of them. */
  readonly slow: Map<string, bigint[]>;
  escalatedUntil: bigint;
}

function forgetOldest<T>(map: Map<string, T>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}

export class Escalation {
  readonly #services = new Map<string, Service>();

  constructor(public settings: Settings) {}

  /** A slow span of a service which is not escalated, at `now` (ns). Returns whether it is from now on. */
  slowSpan(key: string, operation: string, now: bigint): boolean {
    const service = this.#services.get(key) ?? { slow: new Map<string, bigint[]>(), escalatedUntil: 0n };
    if (service.escalatedUntil > now) return false;
    const { slow_spans: enough, window, duration } = this.settings;
    const times = [...(service.slow.get(operation) ?? []), now]
      .filter((time) => now - time < window)
      .slice(-enough);
    service.slow.delete(operation);
    service.slow.set(operation, times);
    forgetOldest(service.slow, MOST_OPERATIONS);
    this.#services.delete(key);
    this.#services.set(key, service);
    forgetOldest(this.#services, MOST_SERVICES);
    if (times.length < enough) return false;
    service.slow.clear();
    service.escalatedUntil = now + duration;
    return true;
  }

  isEscalated(key: string, now: bigint): boolean {
    return this.remainingNs(key, now) > 0n;
  }

  remainingNs(key: string, now: bigint): bigint {
    const until = this.#services.get(key)?.escalatedUntil ?? 0n;
    return until > now ? until - now : 0n;
  }
}
