/**
 * Which capture each process has: by the rules for its service, and `all` for a while where a service with
 * `escalate` has been slow. A service is told apart by user too, so that nobody escalates another's by its name.
 */
import type { Config } from '../../../schemas/config/schema.js';
import type { Backend } from '../backend/backend.js';
import { captures, type CaptureSetting } from '../config/rules.js';
import { keyOf, type ProcessKey } from '../spans/evidence.js';
import { Escalation } from './escalation.js';

const NSEC_PER_MSEC = 1_000_000n;
/** setTimeout() takes no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Known {
  readonly process: ProcessKey;
  readonly uid: number;
  /** By its environment, until a provider has told; then all that providers have told. */
  services: readonly string[];
  told: boolean;
}

export class Captures {
  #captureOf: (service: string) => CaptureSetting;
  readonly #escalation: Escalation;
  readonly #processes = new Map<string, Known>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(
    private readonly backend: Pick<Backend, 'setCapture'>,
    config: Config,
    private readonly escalated: (service: string, until: 'begins' | 'ends') => void = () => undefined,
  ) {
    this.#captureOf = captures(config);
    this.#escalation = new Escalation(config.escalate);
  }

  processStarted(process: ProcessKey, uid: number, service: string): void {
    const known = { process, uid, services: [service], told: false };
    this.#processes.set(keyOf(process), known);
    this.#apply(known);
  }

  processEnded(process: ProcessKey): void {
    this.#processes.delete(keyOf(process));
  }

  /** One of the process's providers said which service it is. */
  serviceTold(process: ProcessKey, service: string): void {
    const known = this.#processes.get(keyOf(process));
    if (known === undefined) return;
    known.services = known.told ? [...new Set([...known.services, service])] : [service];
    known.told = true;
    this.#apply(known);
  }

  slowSpan(process: ProcessKey, service: string, operation: string): void {
    const known = this.#processes.get(keyOf(process));
    if (known === undefined || this.#captureOf(service) !== 'escalate') return;
    const key = serviceKey(known.uid, service);
    if (!this.#escalation.slowSpan(key, operation, now())) return;
    this.#applyAll();
    this.escalated(service, 'begins');
    this.#endLater(key, service);
  }

  reload(config: Config): void {
    this.#captureOf = captures(config);
    this.#escalation.settings = config.escalate;
    this.#applyAll();
  }

  #endLater(key: string, service: string): void {
    const ms = Number(this.#escalation.remainingNs(key, now()) / NSEC_PER_MSEC) + 1;
    const end = (): void => {
      this.#timers.delete(key);
      // Timers go by a coarser clock, and not beyond LONGEST_TIMER_MS.
      if (this.#escalation.isEscalated(key, now())) {
        this.#endLater(key, service);
        return;
      }
      this.#applyAll();
      // A reload may have given the service another capture meanwhile: then there is nothing that ends.
      if (this.#captureOf(service) === 'escalate') this.escalated(service, 'ends');
    };
    clearTimeout(this.#timers.get(key));
    this.#timers.set(key, setTimeout(end, Math.min(ms, LONGEST_TIMER_MS)).unref());
  }

  #applyAll(): void {
    for (const known of this.#processes.values()) this.#apply(known);
  }

  #apply({ process, uid, services }: Known): void {
    const settings = services.map((service) => this.#captureOf(service));
    const escalated = services.some(
      (service, i) =>
        settings[i] === 'escalate' && this.#escalation.isEscalated(serviceKey(uid, service), now()),
    );
    const all = settings.includes('all');
    this.backend.setCapture(process, {
      mode: all || escalated ? 'all' : 'blocking',
      escalated: escalated && !all,
    });
  }
}

function serviceKey(uid: number, service: string): string {
  return `${uid} ${service}`;
}

function now(): bigint {
  return process.hrtime.bigint();
}
