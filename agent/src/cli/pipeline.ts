/**
 * Wires the stages together: back end → assembler → rules → resolver → annotate
 * → exporter. Here, and nowhere else, the stages meet.
 */
import type { Config } from '../../../schemas/config/schema.js';
import { annotate } from '../annotate/annotate.js';
import type { Backend } from '../backend/backend.js';
import { thresholds, type Thresholds } from '../config/rules.js';
import type { SpanExporter } from '../export/exporter.js';
import { Captures } from './captures.js';
import type { ProcessFacts } from '../resolve/process-facts.js';
import type { Resolver } from '../resolve/resolver.js';
import { Assembler, type AssemblerStats, type ProcessEvent, type ToldResource } from '../spans/assembler.js';
import { keyOf, type ProcessKey, type SpanEvidence } from '../spans/evidence.js';
import { Counters } from '../telemetry/counters.js';

export interface PipelineParts {
  readonly backend: Backend;
  readonly resolver: Resolver;
  readonly exporter: SpanExporter;
  /** Called with what was found out about a process, in the order of the stream. */
  readonly onFacts?: (process: ProcessKey, facts: ProcessFacts) => void;
  /** Called when a service is escalated, and when that is over. */
  readonly onEscalation?: (service: string, until: 'begins' | 'ends') => void;
}

/** below_rule: slow by the lowest threshold of all rules, not by its own. failed: an error of ours, told in `lastError`. */
export type PipelineCount = 'spans' | 'exported' | 'drop.below_rule' | 'drop.failed';

/** Names of one process that the kernel side is told of: some services put an id into every name, and user space decides for the rest. */
const MOST_OPERATIONS = 1024;

interface Operation {
  readonly process: ProcessKey;
  readonly resource: number;
  readonly name: string;
}

export class Pipeline {
  readonly assembler: Assembler;
  readonly counts = new Counters<PipelineCount>();
  lastError: unknown;
  #config: Config;
  /** The rules of this generation and of the one before: a span is held against those of its start. */
  #rules: { now: Thresholds; before: Thresholds; generation: number };
  readonly #captures: Captures;
  /** Operations that the kernel side was told a threshold of, by process. */
  readonly #operations = new Map<string, Map<string, Operation>>();

  constructor(
    private readonly parts: PipelineParts,
    config: Config,
  ) {
    this.#config = config;
    const now = thresholds(config);
    this.#rules = { now, before: now, generation: 1 };
    this.#captures = new Captures(parts.backend, config, parts.onEscalation);
    this.assembler = new Assembler({
      processStarted: (event) => this.#processStarted(event),
      processEnded: (event) => this.#processEnded(event),
      resource: (told) => this.#resourceTold(told),
      span: (evidence) => this.#span(evidence),
    });
  }

  stats(): { assembled: AssemblerStats; counts: Record<string, bigint> } {
    return { assembled: this.assembler.stats(), counts: this.counts.snapshot() };
  }

  /** Rules and data of a new configuration, for spans that start from now on. */
  reload(config: Config): void {
    // First, for it may refuse: then nothing has changed.
    this.parts.backend.reload(config);
    this.#config = config;
    this.#captures.reload(config);
    this.#rules = {
      now: thresholds(config),
      before: this.#rules.now,
      generation: this.#rules.generation + 1,
    };
    for (const operations of this.#operations.values()) {
      for (const operation of operations.values()) this.#tellThreshold(operation);
    }
  }

  #processStarted({ process, program, uid }: ProcessEvent): void {
    const { facts, news } = this.parts.resolver.processStarted(process, program, uid);
    if (news === 'nothing') return;
    // A process that replaced its program comes again with the same number and start.
    if (news === 'program') this.#operations.delete(keyOf(process));
    this.parts.onFacts?.(process, facts);
    this.#captures.processStarted(process, uid, this.parts.resolver.resourceOf(process, 0).serviceName);
    if (facts.runtime.runtime !== undefined && facts.runtime.words !== undefined) {
      this.parts.backend.setRuntimeWords(process, facts.runtime.words);
    }
  }

  #processEnded({ process, program }: ProcessEvent): void {
    if (!this.parts.resolver.processEnded(process, program)) return;
    this.#operations.delete(keyOf(process));
    this.#captures.processEnded(process);
  }

  #resourceTold(told: ToldResource): void {
    this.parts.resolver.resourceTold(told);
    const { serviceName } = this.parts.resolver.resourceOf(told.process, told.number);
    this.#captures.serviceTold(told.process, serviceName);
    // Its first record may have been lost: what was told since then was told of a service by another name.
    for (const operation of this.#operations.get(keyOf(told.process))?.values() ?? []) {
      if (operation.resource === told.number) this.#tellThreshold(operation);
    }
  }

  #span(sent: SpanEvidence): void {
    this.counts.add('spans');
    try {
      const evidence = sent.ruleUnknown ? this.#judged(sent) : sent;
      if (evidence.wallNs < evidence.thresholdNs) {
        this.counts.add('drop.below_rule');
        return;
      }
      const { exporter, resolver } = this.parts;
      const resource = resolver.resourceOf(evidence.process, evidence.resource);
      const { serviceName } = resource;
      this.#captures.slowSpan(evidence.process, serviceName, evidence.span.name);
      if (
        exporter.refuses?.(evidence.span, { uid: resolver.userOf(evidence.process), serviceName }) === true
      ) {
        this.counts.add('exported');
        return;
      }
      const { data } = this.#config;
      const resolved = resolver.resolve(evidence, { paths: data.arguments === 'full' });
      exporter.export(
        annotate(resolved, {
          arguments: data.arguments,
          slowest: data.subspans.slowest,
          latest: data.subspans.latest,
        }),
      );
      this.counts.add('exported');
    } catch (error) {
      // One span that cannot be explained must not end the explanation of all others.
      this.counts.add('drop.failed');
      this.lastError = error;
    }
  }

  /** The kernel side did not know the name: the rules say its threshold here, and it is told for the next time. */
  #judged(evidence: SpanEvidence): SpanEvidence {
    const { process, resource, span, generation } = evidence;
    this.#tellThreshold({ process, resource, name: span.name });
    const rules = generation >= this.#rules.generation ? this.#rules.now : this.#rules.before;
    const { serviceName } = this.parts.resolver.resourceOf(process, resource);
    return { ...evidence, thresholdNs: Number(rules.of(serviceName, span.name)) };
  }

  #tellThreshold(operation: Operation): void {
    const { process, resource, name } = operation;
    const key = keyOf(process);
    const operations = this.#operations.get(key) ?? new Map<string, Operation>();
    if (operations.size >= MOST_OPERATIONS && !operations.has(`${resource} ${name}`)) return;
    const { serviceName } = this.parts.resolver.resourceOf(process, resource);
    const kept = this.parts.backend.setThreshold({
      process,
      resource,
      name,
      thresholdNs: this.#rules.now.of(serviceName, name),
      thresholdBeforeNs: this.#rules.before.of(serviceName, name),
    });
    if (kept) {
      operations.set(`${resource} ${name}`, operation);
      this.#operations.set(key, operations);
    } else if (operations.delete(`${resource} ${name}`) && operations.size === 0) {
      this.#operations.delete(key);
    }
  }
}
