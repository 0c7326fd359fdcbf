/** What the figures are made of, as it lies in docs/figures/*.json. Samples with one index belong to one round. */

export interface Measured {
  /** What ran it, on what, and when. */
  readonly machine: string;
  readonly command: string;
}

export const VARIANTS = ['untraced', 'sdk', 'blocking', 'all'] as const;
export type Variant = (typeof VARIANTS)[number];
export type Capture = 'blocking' | 'all';

export function byVariant<T>(of: (variant: Variant) => T): Record<Variant, T> {
  return { untraced: of('untraced'), sdk: of('sdk'), blocking: of('blocking'), all: of('all') };
}

export interface ServiceSamples {
  /** Requests a second. */
  readonly throughput: readonly number[];
  /** Milliseconds. */
  readonly p50: readonly number[];
  readonly p99: readonly number[];
  readonly p999: readonly number[];
  /** Milliseconds of CPU of the whole host for each request. */
  readonly cpu: readonly number[];
  /** The same of the service's process alone: it does not matter to it who else runs. */
  readonly serviceCpu: readonly number[];
  /** The share of its time that the service's CPU was taken away by the hypervisor, or had to work for strangers. */
  readonly disturbed: readonly number[];
  /** Over all rounds: the latency in milliseconds that a share of the requests stayed below, by that share. */
  readonly pooled: readonly { readonly share: number; readonly ms: number }[];
  readonly requests: number;
}

/** What is switched on and off: the agent's programs, or programs that do nothing on the system-call tracepoints. */
export const SWITCHED = ['blocking', 'all', 'empty'] as const;
export type Switched = (typeof SWITCHED)[number];

/** One sample for each pair of slices, without them and with them: milliseconds. */
export interface SwitchedSamples {
  /** Of the service, one after the other, each with an equal share of the samples. */
  readonly processes: number;
  readonly off: SwitchedSlices;
  readonly on: SwitchedSlices;
  /** Of each process, by the program's name: what the kernel counted of it while it was on. One that did not run is left out. */
  readonly programs: readonly Readonly<Record<string, ProgramCount>>[];
}

/** For each request. */
export interface ProgramCount {
  readonly runs: number;
  readonly microseconds: number;
}

export interface SwitchedSlices {
  readonly p50: readonly number[];
  /** CPU of the service's process for each request. */
  readonly serviceCpu: readonly number[];
}

export interface FigureA extends Measured {
  readonly seconds: number;
  readonly connections: number;
  readonly variants: Readonly<Record<Variant, ServiceSamples>>;
  readonly switched: Readonly<Record<Switched, SwitchedSamples>>;
  /** By capture: slow spans that were exported, spans that were followed, and what was dropped, over all rounds. */
  readonly agent: Readonly<Record<Capture, AgentAccount>>;
}

export interface AgentAccount {
  readonly annotated: number;
  readonly spans: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export interface Cell {
  readonly requests: number;
  readonly calls: number;
  /** Milliseconds from the first request to the acknowledged export of the last span. */
  readonly ms: Readonly<Record<Variant, readonly number[]>>;
}

export interface FigureB extends Measured {
  readonly cells: readonly Cell[];
}

export const CALLS = ['getppid', 'read', 'write'] as const;
export type Call = (typeof CALLS)[number];

export function byCall<T>(of: (call: Call) => T): Record<Call, T> {
  return { getppid: of('getppid'), read: of('read'), write: of('write') };
}

export interface Slowdown {
  /** Nanoseconds for each call, wall time, with the tool. */
  readonly with: readonly number[];
  /** The same process just before, without it. */
  readonly without: readonly number[];
}

export interface Peer {
  readonly name: string;
  readonly command: string;
  /** Why there are no figures. */
  readonly missing?: string;
  readonly traced?: Readonly<Record<Call, Slowdown>>;
  readonly other?: Readonly<Record<Call, Slowdown>>;
}

export interface Peers extends Measured {
  readonly peers: readonly Peer[];
}

export interface Figures {
  readonly a: FigureA;
  readonly b: FigureB;
  readonly peers: Peers;
}
