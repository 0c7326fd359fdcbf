/** The figures as rows of the common form, from the data alone. */
import { ratioRow, type Row } from '../row.js';
import { median, medianInterval, ratios, type Interval } from '../statistics.js';
import {
  CALLS,
  SWITCHED,
  VARIANTS,
  type Cell,
  type FigureA,
  type FigureB,
  type Figures,
  type Peers,
  type ServiceSamples,
  type Slowdown,
  type SwitchedSamples,
  type Variant,
} from './measured.js';

const bench = 'figures';

/** Held against the SDK alone. */
const BUDGETS = { blocking: { p50: 1.01, p99: 1.05 }, all: { p50: 1.03, p99: 1.1 } } as const;

/** Of the service's CPU. Ticks count it, and what the kernel does beside the process is in it: some 3 % when all is quiet. */
export const QUIET = 0.08;

/**
 * Rounds in which the service hardly shared its CPU with the hypervisor's other guests and with strangers here. They
 * stand beside the figures of all rounds and decide nothing: a choice of rounds must not make a budget met.
 */
export function quietRounds({ variants }: Pick<FigureA, 'variants'>): number[] {
  return roundsOf({ variants }).filter((round) =>
    VARIANTS.every((variant) => (variants[variant].disturbed[round] ?? 0) <= QUIET),
  );
}

export function roundsOf({ variants }: Pick<FigureA, 'variants'>): number[] {
  return variants.sdk.p50.map((_, round) => round);
}

export type ServiceFigure = 'throughput' | 'p50' | 'p99' | 'p999' | 'cpu' | 'serviceCpu';
export const SERVICE_FIGURES: Readonly<Record<ServiceFigure, string>> = {
  throughput: '1/s',
  p50: 'ms',
  p99: 'ms',
  p999: 'ms',
  cpu: 'ms',
  serviceCpu: 'ms',
};

export function medianOf(a: FigureA, variant: Variant, figure: ServiceFigure): number {
  return median(a.variants[variant][figure]);
}

export function rowsOfA(a: FigureA, rounds: readonly number[] = roundsOf(a)): Row[] {
  const of = (samples: ServiceSamples, figure: ServiceFigure): number[] =>
    rounds.map((round) => samples[figure][round] ?? NaN);
  return (Object.keys(SERVICE_FIGURES) as ServiceFigure[]).flatMap((figure) =>
    (['untraced', 'blocking', 'all'] as const).map((variant) => {
      const row = { bench, case: `service/${variant}/${figure}`, unit: SERVICE_FIGURES[figure] };
      const budget =
        variant !== 'untraced' && (figure === 'p50' || figure === 'p99')
          ? BUDGETS[variant][figure]
          : undefined;
      return ratioRow(
        budget === undefined ? row : { ...row, budget },
        of(a.variants[variant], figure),
        of(a.variants.sdk, figure),
      );
    }),
  );
}

export const SWITCHED_FIGURES = ['p50', 'serviceCpu'] as const;

/** Of each process what it takes with the agent, and without it: what its pairs say in the median. */
function byProcess(
  { on, off, processes }: SwitchedSamples,
  figure: (typeof SWITCHED_FIGURES)[number],
): { with: number[]; without: number[] } {
  const pairs = off[figure].length / processes;
  const ofProcess = (samples: readonly number[], process: number): readonly number[] =>
    samples.slice(process * pairs, (process + 1) * pairs);
  const without = Array.from({ length: processes }, (_, process) => median(ofProcess(off[figure], process)));
  const byPair = ratios(on[figure], off[figure]);
  return { without, with: without.map((each, process) => each * median(ofProcess(byPair, process))) };
}

/** What the agent adds, by switching it on and off in processes of the service. Pairs of one process are not independent: a process counts once. */
export function rowsOfSwitched({ switched }: Pick<FigureA, 'switched'>): Row[] {
  return SWITCHED_FIGURES.flatMap((figure) =>
    SWITCHED.map((what) => {
      const row = { bench, case: `switched/${what}/${figure}`, unit: 'ms' };
      const { with: samples, without } = byProcess(switched[what], figure);
      return ratioRow(
        figure === 'p50' && what !== 'empty' ? { ...row, budget: BUDGETS[what].p50 } : row,
        samples,
        without,
      );
    }),
  );
}

/** What the programs take for a request on the whole host, by the kernel's count, to the service's own CPU for one with them. */
export function rowsOfPrograms({ switched }: Pick<FigureA, 'switched'>): Row[] {
  return SWITCHED.map((what) =>
    ratioRow(
      { bench, case: `switched/${what}/programs`, unit: 'ms' },
      switched[what].programs.map(
        (programs) => sum(Object.values(programs).map(({ microseconds }) => microseconds)) / 1e3,
      ),
      byProcess(switched[what], 'serviceCpu').with,
    ),
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** The median of the rounds' ratios. */
export function ratioToSdk({ ms }: Cell, variant: Variant): number {
  return median(ratios(ms[variant], ms.sdk));
}

export function slowdown({ with: samples, without }: Slowdown): Interval {
  return medianInterval(ratios(samples, without));
}

export function rowsOfB({ cells }: FigureB): Row[] {
  return cells.flatMap(({ requests, calls, ms }) =>
    (['untraced', 'blocking', 'all'] as const).map((variant) =>
      ratioRow({ bench, case: `requests/${requests}x${calls}/${variant}`, unit: 'ms' }, ms[variant], ms.sdk),
    ),
  );
}

export function rowsOfPeers({ peers }: Peers): Row[] {
  return peers.flatMap(({ name, traced, other }) =>
    CALLS.flatMap((call) =>
      (
        [
          ['traced', traced],
          ['other', other],
        ] as const
      ).flatMap(([process, slowdowns]) =>
        slowdowns === undefined
          ? []
          : [
              ratioRow(
                { bench, case: `peers/${name}/${process}/${call}`, unit: 'ns' },
                slowdowns[call].with,
                slowdowns[call].without,
              ),
            ],
      ),
    ),
  );
}

export function rowsOf({ a, b, peers }: Figures): Row[] {
  return [...rowsOfA(a), ...rowsOfSwitched(a), ...rowsOfPrograms(a), ...rowsOfB(b), ...rowsOfPeers(peers)];
}
