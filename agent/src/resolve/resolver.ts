/** Adds to evidence what its numbers mean: the application's resource, names of threads and files. The one impure stage between spans and annotate. */
import { keyOf, type KeptCall, type ProcessKey, type SpanEvidence } from '../spans/evidence.js';
import type { ToldResource } from '../spans/assembler.js';
import type { ProcessFacts } from './process-facts.js';
import type {
  ResolvedCall,
  ResolvedResource,
  ResolvedSpan,
  ResourceAttributes,
  ResourceValue,
} from './resolved.js';

/** Where names are looked up: the host as it is now, or what a recording kept of it. */
export interface Surroundings {
  facts(process: ProcessKey): ProcessFacts;
  threadName(pid: number, tid: number): string | undefined;
  /** The path behind a call's descriptor; undefined: not known any more. */
  filePath(pid: number, call: KeptCall): string | undefined;
  /** Unix time − CLOCK_MONOTONIC, now. */
  unixOffsetNs(): bigint;
}

export interface StartedProcess {
  readonly facts: ProcessFacts;
  /** start: what came of it before was taken for this program's, rightly. nothing: it was told of before. */
  readonly news: 'program' | 'start' | 'nothing';
}

interface Known {
  facts: ProcessFacts;
  /** undefined: as `program`. */
  uid: number | undefined;
  /** ProcessEvent.program; undefined: something of the process came before it was told of. */
  program: bigint | undefined;
  readonly told: Map<number, ResolvedResource>;
  fallback: ResolvedResource | undefined;
}

/** Processes that have gone are remembered until so many others have: their last spans are still under way. */
const MOST_ENDED = 1024;

/** As the SDKs name a service that does not say: the specification's unknown_service:<executable>. */
function unknownService(facts: ProcessFacts): string {
  return `unknown_service:${String(facts.attributes['process.executable.name'] ?? facts.name)}`;
}

function serviceOf(attributes: ResourceAttributes): string | undefined {
  const name = attributes['service.name'];
  return typeof name === 'string' && name !== '' ? name : undefined;
}

/** Of struct slt_resource (schemas/wire/probe.h): what follows in the value is JSON. */
const JSON_MARK = '\u0001';

/** An integer that is not exact any more stays the text that it was; OTLP could not carry the largest either. */
function isNumber(value: unknown): value is number {
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'boolean' || isNumber(value);
}

function isResourceValue(value: unknown): value is ResourceValue {
  if (!Array.isArray(value)) return isScalar(value);
  return value.every((item) => isScalar(item) && typeof item === typeof value[0]);
}

/** What a provider wrote of an attribute; a JSON value of a kind that an attribute cannot be stays the text that it is. */
function toldValue(written: string): ResourceValue {
  if (!written.startsWith(JSON_MARK)) return written;
  const text = written.slice(JSON_MARK.length);
  try {
    const value: unknown = JSON.parse(text);
    return isResourceValue(value) ? value : text;
  } catch {
    return text;
  }
}

function fromProvider(told: ToldResource, facts: ProcessFacts): ResolvedResource {
  const own = Object.fromEntries(told.attributes.map(([key, written]) => [key, toldValue(written)]));
  const attributes: ResourceAttributes = { ...facts.attributes, ...own };
  const serviceName = serviceOf(attributes) ?? unknownService(facts);
  return { attributes: { ...attributes, 'service.name': serviceName }, serviceName, source: 'provider' };
}

function fromProcess(facts: ProcessFacts): ResolvedResource {
  const named = serviceOf(facts.environment);
  const serviceName = named ?? unknownService(facts);
  return {
    attributes: { ...facts.attributes, ...facts.environment, 'service.name': serviceName },
    serviceName,
    source: named === undefined ? 'process' : 'environment',
  };
}

export class Resolver {
  readonly #processes = new Map<string, Known>();
  /** Those that have gone, the first first. */
  readonly #ended = new Set<string>();

  constructor(private readonly surroundings: Surroundings) {}

  /**
   * Reads what is known of the process; again after it has replaced its program. The same program may be told of
   * again, since records get lost: what it has told stays. uid: by the kernel's record.
   */
  processStarted(process: ProcessKey, program: bigint, uid: number): StartedProcess {
    const known = this.#processes.get(keyOf(process));
    if (known === undefined || this.#ended.has(keyOf(process)) || (known.program ?? program) !== program)
      return { facts: this.#read(process, program, uid).facts, news: 'program' };
    const news = known.program === undefined ? 'start' : 'nothing';
    known.program = program;
    known.uid = uid;
    return { facts: known.facts, news };
  }

  #read(process: ProcessKey, program: bigint | undefined, uid: number | undefined): Known {
    const key = keyOf(process);
    const known: Known = {
      facts: this.surroundings.facts(process),
      uid,
      program,
      told: new Map<number, ResolvedResource>(),
      fallback: undefined,
    };
    this.#ended.delete(key);
    this.#processes.set(key, known);
    return known;
  }

  /**
   * It is forgotten when enough others have gone after it. False: that program was told of again, when the process's
   * next one had come.
   */
  processEnded(process: ProcessKey, program: bigint): boolean {
    const known = this.#processes.get(keyOf(process));
    if (known?.program !== undefined && known.program !== program) return false;
    this.#ended.add(keyOf(process));
    const [first] = this.#ended;
    if (this.#ended.size > MOST_ENDED && first !== undefined) {
      this.#ended.delete(first);
      this.#processes.delete(first);
    }
    return true;
  }

  resourceTold(told: ToldResource): void {
    const known = this.#known(told.process);
    known.told.set(told.number, fromProvider(told, known.facts));
  }

  resourceOf(process: ProcessKey, resource: number): ResolvedResource {
    const known = this.#known(process);
    known.fallback ??= fromProcess(known.facts);
    return known.told.get(resource) ?? known.fallback;
  }

  /** undefined: the process was not told of yet. */
  userOf(process: ProcessKey): number | undefined {
    return this.#known(process).uid;
  }

  /** paths: data.arguments is `full`. */
  resolve(evidence: SpanEvidence, { paths }: { paths: boolean }): ResolvedSpan {
    const { pid } = evidence.process;
    const { facts, uid } = this.#known(evidence.process);
    const threadNames = new Map<number, string>();
    for (const { tid } of evidence.threads) {
      const name = this.surroundings.threadName(pid, tid);
      if (name !== undefined) threadNames.set(tid, name);
    }
    return {
      evidence,
      resource: this.resourceOf(evidence.process, evidence.resource),
      uid,
      threadNames,
      calls: evidence.calls.map((call): ResolvedCall => ({
        filePath: paths ? this.surroundings.filePath(pid, call) : undefined,
      })),
      runtime: facts.runtime.runtime,
      startedUnixNs: evidence.startedNs + this.surroundings.unixOffsetNs(),
    };
  }

  #known(process: ProcessKey): Known {
    return this.#processes.get(keyOf(process)) ?? this.#read(process, undefined, undefined);
  }
}
