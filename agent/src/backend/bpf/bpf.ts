/** The eBPF back end: loads the object, attaches it, keeps its rules, and hands on what the ring brings. */
import { uptime } from 'node:os';
import type { Config } from '../../../../schemas/config/schema.js';
import { processStart } from '../../host/processes.js';
import { readHostKernel } from '../../host/kernel.js';
import { LibraryScan } from '../../host/libraries.js';
import { filterKeys, type FilterKeys } from '../../host/filters.js';
import type { BpfMap, Native, RingBufferReader } from '../../native.js';
import type { ProcessKey } from '../../spans/evidence.js';
import { FRAME_SIZE } from '../../wire/decode.js';
import {
  CaptureMode,
  RecordType,
  writeControl,
  writeOperation,
  writeRuntime,
  writeThreshold,
} from '../../wire/layout.js';
import type {
  Backend,
  BackendListener,
  Counters,
  OperationThreshold,
  ProcessCapture,
  RuntimeWords,
} from '../backend.js';
import { readCounters } from './counters.js';
import { loadObject, type LoadedObject } from './load.js';
import { ProbeSites } from './probe-sites.js';
import { ProcessSlots } from './process-slots.js';
import { controlBlock, highestThreshold, lowestThreshold, SYSCALLS, syscallRules } from './rules.js';
import { Tracepoints } from './tracepoints.js';

/** How often dead processes are swept up and new copies of libslt looked for. */
const SWEEP_MS = 5_000;
/** How long tracepoints stay after the last process that needed them: services that start one after the other. */
const LINGER_MS = 10_000;
/** Those of system calls are dear to everybody. */
const LINGER_CALLS_MS = 1_000;
/** How many sweeps pass between two looks at all open spans: one is given up after ten minutes, and the table is large. */
const SWEEPS_OF_SPANS = 12;
/**
 * The kernel side wakes the reader up (bpf/include/ring.h asks for no silence), so the timer is for what may be lost on
 * the way only: an idle agent shall sleep.
 */
const POLL_MS = 500;
/** SLT_NAME_BYTES */
const NAME_BYTES = 64;
/** SLT_JOURNAL_SHORT_NS */
const SHORT_NS = 1_000_000n;

export interface BpfBackendOptions {
  readonly native: Native;
  readonly config: Config;
  readonly objectPath: string;
  /** The agent's own libslt, which `sltagent exec` hands out. */
  readonly libsltPath: string;
  /** Called after the tracepoints of system calls were attached, for which every process of the host pays, or detached. */
  readonly onSystemCalls?: (attached: boolean) => void;
}

/** The key of the map `thresholds`. */
function operationKey({ process, resource, name }: OperationThreshold): Uint8Array {
  const padded = Buffer.alloc(NAME_BYTES);
  padded.set(Buffer.from(name).subarray(0, NAME_BYTES));
  return writeOperation({ tgid: process.pid, resource, name: padded });
}

/** Whether threads may keep journals, which tell of contexts late and of short spans perhaps not at all. */
function mayTellLate(config: Config): boolean {
  return config.capture !== 'all' && lowestThreshold(config) >= SHORT_NS;
}

/** What a configuration comes to in the kernel. Made as a whole before anything of it is written. */
interface Rules {
  readonly config: Config;
  /** Grows by one with each reload. */
  readonly generation: number;
  readonly filter: FilterKeys;
  readonly syscalls: Uint8Array;
  /** Of the generation before. */
  readonly thresholdBeforeNs: bigint;
  readonly highestBeforeNs: bigint;
}

interface Running {
  readonly loaded: LoadedObject;
  readonly slots: ProcessSlots;
  readonly sites: ProbeSites;
  readonly scheduling: Tracepoints;
  readonly calls: Tracepoints;
  readonly reader: RingBufferReader;
  readonly listener: BackendListener;
  readonly timer: NodeJS.Timeout;
  rules: Rules;
}

export class BpfBackend implements Backend {
  readonly name = 'bpf';
  readonly #native: Native;
  #stopping = false;
  #sweeps = 0;
  #attachedNs = 0n;
  #callsAttachedNs = 0n;
  /** Records that JavaScript was too late for, when the processes were swept last. */
  #lostBehind = 0n;
  #running: Running | undefined;
  #lastCounters: Counters = new Map();
  readonly #scan = new LibraryScan();
  /** The keys of `thresholds`, by process, with what each was told. */
  readonly #operations = new Map<number, Map<string, OperationThreshold>>();

  constructor(private readonly options: BpfBackendOptions) {
    this.#native = options.native;
  }

  async start(listener: BackendListener): Promise<void> {
    const { config } = this.options;
    const kernel = readHostKernel();
    const rules = this.#rulesOf(config);
    const loaded = loadObject(
      this.#native,
      {
        objectPath: this.options.objectPath,
        kernelMemory: config.limits.kernel_memory,
        processes: config.limits.processes,
      },
      kernel,
    );
    const { object, sizes } = loaded;
    try {
      const now = (attached: boolean): bigint => (attached ? this.#native.clocks().monotonicNs : 0n);
      const calls = new Tracepoints(object, loaded.calls, LINGER_CALLS_MS, (attached) => {
        this.#callsAttachedNs = now(attached);
        this.#attachmentChanged();
        this.#updateJournals();
        this.options.onSystemCalls?.(attached);
      });
      const scheduling = new Tracepoints(object, loaded.scheduling, LINGER_MS, (attached) => {
        this.#attachedNs = now(attached);
        this.#attachmentChanged();
        // What a CPU ran when sched_switch was detached is not what it runs when it is attached again.
        if (!attached)
          object.map('cpu_thread').set(Buffer.alloc(4), Buffer.alloc(8 * this.#native.possibleCpus()));
      });
      this.#writeRules(loaded, rules);
      const reader = this.#native.drain(object.map('records'), (batch) => this.#batch(batch), {
        pollMs: POLL_MS,
      });
      this.#running = {
        loaded,
        rules,
        listener,
        scheduling,
        calls,
        reader,
        slots: new ProcessSlots(object, sizes.spans, (pid) => processStart(pid)),
        sites: new ProbeSites(object, loaded.uprobeMulti),
        timer: setInterval(() => this.#sweep(), SWEEP_MS),
      };
      this.#running.sites.attachOwn(this.options.libsltPath);
      this.#updateJournals();
      this.#attachFoundLibraries();
    } catch (error) {
      await this.stop();
      object.close();
      throw error;
    }
  }

  reload(config: Config): void {
    const running = this.#running;
    if (running === undefined) return;
    // Throws where it asks for a user or cgroup that is not there: then nothing has changed.
    const rules = this.#rulesOf(config, running.rules);
    // Before a short span may be slow.
    if (!mayTellLate(config)) running.sites.setJournals(false);
    try {
      this.#writeRules(running.loaded, rules);
    } catch (error) {
      this.#writeRules(running.loaded, running.rules);
      this.#updateJournals();
      throw error;
    }
    running.rules = rules;
    this.#updateJournals();
  }

  setThreshold(operation: OperationThreshold): boolean {
    const running = this.#running;
    // The last spans of a process come after its end: nothing would delete what is written for it now.
    if (running?.slots.find(operation.process) === undefined) return false;
    const { pid } = operation.process;
    const value = writeThreshold({
      generation: running.rules.generation,
      thresholdNs: operation.thresholdNs,
      thresholdBeforeNs: operation.thresholdBeforeNs,
    });
    try {
      running.loaded.object.map('thresholds').set(operationKey(operation), value);
    } catch (error) {
      // A full table costs user space a look at each slow span of that name; nothing is lost.
      if ((error as NodeJS.ErrnoException).code !== 'E2BIG') throw error;
      return false;
    }
    const ofProcess = this.#operations.get(pid) ?? new Map<string, OperationThreshold>();
    ofProcess.set(`${operation.resource} ${operation.name}`, operation);
    this.#operations.set(pid, ofProcess);
    return true;
  }

  setRuntimeWords(process: ProcessKey, words: RuntimeWords): void {
    const slots = this.#running?.slots;
    const index = slots?.find(process);
    if (slots === undefined || index === undefined) return;
    slots.setRuntimeWords(
      index,
      writeRuntime({ low: words.low, high: words.high, knownSinceNs: this.#native.clocks().monotonicNs }),
    );
  }

  setCapture(process: ProcessKey, { mode, escalated }: ProcessCapture): void {
    const running = this.#running;
    const index = running?.slots.find(process);
    if (running === undefined || index === undefined || this.#stopping) return;
    // Before a call is asked for, so that none is missed from then on; at least until #updateTracepoints() below.
    if (mode === 'all') running.calls.update(1);
    const capture = {
      mode: mode === 'all' ? CaptureMode.ALL : CaptureMode.BLOCKING,
      escalated: escalated ? 1 : 0,
    };
    const changed = running.slots.setCapture(index, capture, () => this.#native.clocks().monotonicNs);
    if (changed) this.#updateTracepoints(running);
  }

  counters(): Counters {
    const running = this.#running;
    if (running === undefined) return this.#lastCounters;
    const counters = readCounters(running.loaded.object.map('counters'));
    const drained = running.reader.stats();
    counters.set('drop.probe_files', BigInt(running.sites.refusals));
    counters.set('records_drained', drained.deliveredRecords);
    counters.set('drop.record_agent_behind', drained.droppedRecords);
    counters.set('drop.span_agent_behind', drained.droppedByTag[RecordType.SPAN] ?? 0n);
    for (const name of [...running.loaded.scheduling, ...running.loaded.calls]) {
      const missed = running.loaded.object.program(name).stats().recursionMisses;
      if (missed !== undefined && missed > 0n) counters.set(`drop.recursion_${name}`, missed);
    }
    return counters;
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#stopping = true;
    clearInterval(running.timer);
    running.sites.detach();
    running.calls.detach();
    running.scheduling.detach();
    await running.reader.close();
    this.#lastCounters = this.counters();
    this.#running = undefined;
    running.loaded.object.close();
  }

  /** What was switched off on this kernel, and how the memory was divided; after start. */
  describe(): { notes: readonly string[]; sizes: LoadedObject['sizes'] } | undefined {
    const loaded = this.#running?.loaded;
    return loaded === undefined ? undefined : { notes: loaded.notes, sizes: loaded.sizes };
  }

  #batch(batch: Uint8Array): void {
    const running = this.#running;
    if (running === undefined) return;
    const processes = this.#processesChanged(batch);
    // Before anything else: what the process does until then is not seen.
    if (processes && !this.#stopping) this.#updateTracepoints(running);
    running.listener.batch(batch);
    if (processes && !this.#stopping) {
      setImmediate(() => this.#sweepProcesses());
    }
  }

  /** Whether a batch tells of a process that came or went: only the headers are looked at. */
  #processesChanged(batch: Uint8Array): boolean {
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    for (let at = 0; at + FRAME_SIZE + 2 <= batch.byteLength;) {
      const type = view.getUint16(at + FRAME_SIZE, true);
      if (type === RecordType.PROCESS || type === RecordType.EXIT) return true;
      at += FRAME_SIZE + Math.ceil(view.getUint32(at, true) / 8) * 8;
    }
    return false;
  }

  #sweep(): void {
    this.#sweepProcesses();
    if (++this.#sweeps % SWEEPS_OF_SPANS === 0) this.#running?.slots.giveUpOldSpans();
    this.#attachFoundLibraries();
    this.#updateJournals();
    this.#releaseUnusedLibraries();
  }

  #sweepProcesses(): void {
    const running = this.#running;
    if (running === undefined) return;
    const thresholds = running.loaded.object.map('thresholds');
    const { droppedRecords } = running.reader.stats();
    const lost = droppedRecords > this.#lostBehind;
    this.#lostBehind = droppedRecords;
    for (const pid of running.slots.sweep(lost)) {
      for (const operation of this.#operations.get(pid)?.values() ?? []) {
        thresholds.delete(operationKey(operation));
      }
      this.#operations.delete(pid);
    }
    this.#updateTracepoints(running);
  }

  #updateTracepoints({ slots, scheduling, calls }: Running): void {
    const { tracked, recorded } = slots.counts();
    scheduling.update(tracked);
    calls.update(recorded);
  }

  /** While each call of some process is recorded, calls are put to spans as they come. */
  #updateJournals(): void {
    const running = this.#running;
    if (running === undefined || this.#stopping) return;
    running.sites.setJournals(mayTellLate(running.rules.config) && !running.calls.attached);
  }

  #attachFoundLibraries(): void {
    const running = this.#running;
    if (running === undefined) return;
    for (const library of this.#scan.find(BigInt(Math.round(uptime() * 1e9)))) {
      try {
        running.sites.attach(library.path, library.uid);
      } catch (error) {
        running.listener.warning(`${library.path} cannot be probed: ${(error as Error).message}`);
      }
    }
  }

  /** A host that deploys new containers for months must not run out of places for their copies. */
  #releaseUnusedLibraries(): void {
    const sites = this.#running?.sites;
    const unused = sites?.unused(this.#scan.mapped(), performance.now()) ?? [];
    if (sites === undefined || unused.length === 0) return;
    const mapped = this.#scan.mappedNow();
    for (const key of unused) if (!mapped.has(key)) sites.release(key);
  }

  /** before: what these take the place of; left out: nothing. Throws FilterError. */
  #rulesOf(config: Config, before?: Rules): Rules {
    const configBefore = before?.config ?? config;
    return {
      config,
      generation: (before?.generation ?? 0) + 1,
      filter: filterKeys(config.filter, this.#native),
      syscalls: syscallRules(config),
      thresholdBeforeNs: lowestThreshold(configBefore),
      highestBeforeNs: highestThreshold(configBefore),
    };
  }

  /** The control block comes last: with its generation every process is held against the filter again. */
  #writeRules({ object, sizes }: LoadedObject, rules: Rules): void {
    const keys = Buffer.alloc(SYSCALLS * 4);
    for (let number = 0; number < SYSCALLS; number++) keys.writeUInt32LE(number, number * 4);
    object.map('syscalls').setBatch(keys, rules.syscalls, SYSCALLS);
    this.#replaceKeys(object.map('users_allowed'), rules.filter.users);
    this.#replaceKeys(object.map('cgroups_allowed'), rules.filter.cgroups);
    this.#writeControl({ object, sizes }, rules);
  }

  /** The old ones go first, for the map may be full of them. Who is refused in between is asked again with its next span. */
  #replaceKeys(set: BpfMap, keys: readonly Uint8Array[]): void {
    const wanted = new Set(keys.map((key) => Buffer.from(key).toString('hex')));
    for (const key of set.keys()) if (!wanted.has(Buffer.from(key).toString('hex'))) set.delete(key);
    for (const key of keys) set.set(key, Uint8Array.of(1));
  }

  #attachmentChanged(): void {
    if (this.#running !== undefined) this.#writeControl(this.#running.loaded, this.#running.rules);
  }

  #writeControl({ object, sizes }: Pick<LoadedObject, 'object' | 'sizes'>, rules: Rules): void {
    const block = controlBlock(rules.config, sizes, {
      generation: rules.generation,
      attachedNs: this.#attachedNs,
      callsAttachedNs: this.#callsAttachedNs,
      thresholdBeforeNs: rules.thresholdBeforeNs,
      highestBeforeNs: rules.highestBeforeNs,
    });
    object.map('control').set(Buffer.alloc(4), writeControl(block));
  }
}
