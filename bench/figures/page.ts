/** docs/cost.md, from the data alone. */
import type { Row } from '../row.js';
import { median } from '../statistics.js';
import {
  CALLS,
  VARIANTS,
  type Call,
  type Capture,
  type Cell,
  type FigureA,
  type FigureB,
  type Figures,
  type Peer,
  type Peers,
  type ProgramCount,
  type Slowdown,
  type Switched,
  type SwitchedSamples,
  type Variant,
} from './measured.js';
import { NAMES } from './plot.js';
import { times } from './plot-peers.js';
import { EARLIER, RESEARCH_ORIGIN, RESEARCH_SYSTEM } from './published.js';
import {
  medianOf,
  QUIET,
  quietRounds,
  ratioToSdk,
  roundsOf,
  rowsOfA,
  rowsOfPrograms,
  rowsOfSwitched,
  slowdown,
  SWITCHED_FIGURES,
  type ServiceFigure,
} from './rows.js';

const COMMAND = '`npm run bench -- figures`';

/** Figures stand on the right of their column, `words` on the left. */
function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  words: readonly number[] = [0],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (words.includes(i) ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  );
}

function peerNamed({ peers }: Peers, name: string): Peer | undefined {
  return peers.find((peer) => peer.name === name);
}

function ratioOf(slowdowns: Readonly<Record<Call, Slowdown>> | undefined, call: Call): string {
  return slowdowns === undefined ? '–' : times(slowdown(slowdowns[call]).median);
}

/** Percent, with a sign. */
function change(ratio: number): string {
  const percent = (ratio - 1) * 100;
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

function rowNamed(rows: readonly Row[], name: string): Row {
  const row = rows.find((each) => each.case === name);
  if (row === undefined) throw new Error(`no row for ${name}`);
  return row;
}

function rowOf(rows: readonly Row[], variant: Variant, figure: ServiceFigure): Row {
  return rowNamed(rows, `service/${variant}/${figure}`);
}

function withInterval({ ratio, low, high }: Row): string {
  return `${(ratio ?? NaN).toFixed(3)} (${(low ?? NaN).toFixed(3)}–${(high ?? NaN).toFixed(3)})`;
}

/** A budget inside the interval: this run can tell neither. */
function verdict({ budget, low, high }: Row): string {
  if (budget === null) return '';
  if ((low ?? NaN) > budget) return `${budget}: **missed**`;
  return (high ?? NaN) <= budget ? `${budget}: met` : `${budget}: undecided, within the noise`;
}

function inShort({ a, peers }: Figures): string {
  const rows = [...rowsOfA(a), ...rowsOfSwitched(a)];
  const p50 = (capture: Capture): string => {
    const { ratio, low, high } = rowNamed(rows, `switched/${capture}/p50`);
    return `${change(ratio ?? NaN)} (${change(low ?? NaN)} to ${change(high ?? NaN)})`;
  };
  const ours = (capture: string): Peer | undefined => peerNamed(peers, `sltagent, capture ${capture}`);
  return [
    `- **The OpenTelemetry SDK is what costs.** This service takes ${times(1 / (rowOf(rows, 'untraced', 'p50').ratio ?? NaN))} as long with the SDK for Python as untraced. On top of that, the agent changes the median latency, with its 95 % interval, by ${p50('blocking')} with \`capture: blocking\` and by ${p50('all')} with \`capture: all\`.`,
    `- **\`all\` costs every process of the host, not only the services that take part.** While one takes part, the kernel sends every system call of every process down its slow path: a bare \`getppid\` of a process that has nothing to do with us takes ${ratioOf(ours('all')?.other, 'getppid')} as long. It is a fixed time for each call: one that does real work, or waits, hardly shows it. Any tool that looks at system calls through these tracepoints does the same (see the peers).`,
    `- **\`blocking\` does not touch system calls.** The same \`getppid\` takes ${ratioOf(ours('blocking')?.other, 'getppid')} as long. It adds a little to each context switch instead, and says what a thread waited for, but not what it called without waiting. It is what to leave on in production; turn to \`all\` or \`escalate\` for a service whose slow requests \`blocking\` does not explain.`,
    '- **No service takes part, nothing is paid**: the programs are attached with the first one, and taken off ten seconds after the last one has gone.',
  ].join('\n');
}

const FIGURES: readonly [ServiceFigure, string, number][] = [
  ['throughput', 'requests/s', 0],
  ['p50', 'p50, ms', 2],
  ['p99', 'p99, ms', 1],
  ['p999', 'p99.9, ms', 1],
  ['cpu', 'CPU of the host, ms per request', 2],
  ['serviceCpu', 'CPU of the service, ms per request', 3],
];

const SPANS_OF_REQUEST = 4;

/** Whether the neighbours decide: the same by the rounds in which they were quiet. */
function byQuietRounds(a: FigureA): string {
  const quiet = quietRounds(a);
  if (quiet.length === 0 || quiet.length === roundsOf(a).length) return '';
  const rows = rowsOfA(a, quiet);
  return ` By the ${quiet.length} rounds alone in which none of them took more than ${QUIET * 100} %, the p50 of \`blocking\` is ${withInterval(rowOf(rows, 'blocking', 'p50'))}, that of \`all\` ${withInterval(rowOf(rows, 'all', 'p50'))}.`;
}

function share(a: FigureA, b: FigureB, capture: 'blocking' | 'all'): string {
  const spansMs = (SPANS_OF_REQUEST * addedMs(largest(b, 'fewest'), capture)) / largest(b, 'fewest').requests;
  return `${((spansMs / medianOf(a, 'sdk', 'serviceCpu')) * 100).toFixed(1)} %`;
}

const SWITCHED_NAMES = { p50: 'p50', serviceCpu: 'CPU of the service' } as const;

/** The programs that the kernel counted, those that cost most first; each a median of the processes. */
function programsTable(a: FigureA): string {
  const { blocking, all } = a.switched;
  const counts = (samples: SwitchedSamples, name: string): ProgramCount[] =>
    samples.programs.map((programs) => programs[name] ?? { runs: 0, microseconds: 0 });
  const mid = (samples: SwitchedSamples, name: string, of: keyof ProgramCount): number =>
    median(counts(samples, name).map((count) => count[of]));
  const names = [
    ...new Set([blocking, all].flatMap(({ programs }) => programs.flatMap((each) => Object.keys(each)))),
  ].filter((name) => mid(blocking, name, 'microseconds') + mid(all, name, 'microseconds') >= 0.05);
  names.sort((x, y) => mid(all, y, 'microseconds') - mid(all, x, 'microseconds'));
  return table(
    ['program', '`blocking`: runs a request', 'µs a request', '`all`: runs a request', 'µs a request'],
    names.map((name) => [
      `\`${name}\``,
      ...[blocking, all].flatMap((samples) =>
        mid(samples, name, 'runs') === 0
          ? ['–', '–']
          : [mid(samples, name, 'runs').toFixed(1), mid(samples, name, 'microseconds').toFixed(1)],
      ),
    ]),
  );
}

function switchedSection(a: FigureA): string {
  const rows = [...rowsOfSwitched(a), ...rowsOfPrograms(a)];
  const programs = (what: Switched): string => {
    const { value, ratio, low, high } = rowNamed(rows, `switched/${what}/programs`);
    const percent = (share: number | null): string => ((share ?? NaN) * 100).toFixed(1);
    return `${(value * 1e3).toFixed(1)} µs with \`${what}\`, as much as ${percent(ratio)} % (${percent(low)}–${percent(high)}) of the service's CPU for it`;
  };
  const of = (capture: Switched, figure: (typeof SWITCHED_FIGURES)[number]): Row =>
    rowNamed(rows, `switched/${capture}/${figure}`);
  return `**The agent's part, switched on and off.** From round to round this machine moves by more than these budgets. So in ${a.switched.blocking.processes} processes of
the service for each column, one after the other, under the same load, the programs are put on and taken off again, a slice of 0.4 s each (the
SDK exports 64 spans at a time here, so that each slice has its share): neighbouring slices differ in nothing else. With them to
without them. A process counts once, with the median of its ${a.switched.blocking.on.p50.length / a.switched.blocking.processes} pairs of slices; the figure is the median of the processes. The last column is no
agent at all, but programs that do nothing, on the two tracepoints of system calls that \`all\` needs: the kernel's slow path of system
calls, which every tool on these tracepoints pays before it does anything. In a request with so few calls it hardly shows beside the noise.

${table(
  ['', '`blocking`', 'budget', '`all`', 'budget', 'empty programs'],
  SWITCHED_FIGURES.map((figure) => {
    const [one, other] = [of('blocking', figure), of('all', figure)];
    return [
      SWITCHED_NAMES[figure],
      ...[withInterval(one), verdict(one), withInterval(other), verdict(other)],
      withInterval(of('empty', figure)),
    ];
  }),
  [0, 2, 4],
)}

While the programs are off, the preload library is still there and finds nothing to tell; the service with the SDK alone does not have it. No span of
these slices was slow: what annotating costs is the agent's, on another CPU.

**What of it is the programs.** After its pairs, each process runs 2 s more with the agent, while the kernel counts the time of each of our BPF
programs (\`kernel.bpf_stats_enabled\`). Other guests and processes hardly move this count. For each request, in the median of the processes, whatever
process of the host they ran for, the load generator's included:

${programsTable(a)}

Together that is, for a request, ${programs('blocking')}, and ${programs('all')}. (The medians of the sums, in
these processes, which take more CPU for a request than those above: they export more often.) In it are the kernel's own two
looks at the clock for each run, some tens of nanoseconds; not in it are the ways into the programs: the traps of the probes and the
slow path of system calls. With \`blocking\`, \`sched_switch\` also does what the thread has written down instead of trapping.`;
}

function serviceSection({ a, b }: Figures): string {
  const rows = rowsOfA(a);
  const disturbed = VARIANTS.flatMap((variant) => a.variants[variant].disturbed);
  const { blocking, all: everyCall } = a.agent;
  const dropped = Object.entries(everyCall.dropped).filter(([reason]) => reason !== 'switch');
  const account =
    dropped.length === 0
      ? 'none was dropped'
      : `dropped: ${dropped.map(([reason, count]) => `${count} ${reason}`).join(', ')}`;
  return `## A. A service under load

A Flask service behind gunicorn (one process, four threads) on one CPU: a request makes three SQLite queries, reads one file and
writes another. \`wrk\` loads it over ${a.connections} connections from the other CPU, which it shares with the agent and the
OTLP receiver. The SDK exports every span. The agent runs with its defaults (threshold 50 ms); one request in 4,000 waits
60 ms, so that there is something to annotate: ${blocking.annotated + everyCall.annotated} slow spans were exported.

![Latency, throughput and CPU of a Flask service](figures/service.svg)

${table(
  ['', ...FIGURES.map(([, name]) => name)],
  VARIANTS.map((variant) => [
    NAMES[variant],
    ...FIGURES.map(([figure, , digits]) => medianOf(a, variant, figure).toFixed(digits)),
  ]),
)}

To the SDK alone, with the 95 % interval of the median, and the budget:

${table(
  ['', '`blocking`', 'budget', '`all`', 'budget'],
  FIGURES.map(([figure, name]) => {
    const [one, other] = [rowOf(rows, 'blocking', figure), rowOf(rows, 'all', figure)];
    return [name.split(',')[0] ?? name, withInterval(one), verdict(one), withInterval(other), verdict(other)];
  }),
  [0, 2, 4],
)}

${switchedSection(a)}

**What it is made of.** A request is four spans, its own and one for each query. A span took ${added(b, 'blocking')} longer with \`blocking\`, where
the thread writes down what it does, and ${added(b, 'all')} with \`all\`, where it traps four times (see B). That makes
${share(a, b, 'blocking')} and ${share(a, b, 'all')} of the ${medianOf(a, 'sdk', 'serviceCpu').toFixed(2)} ms of CPU
that a request takes with the SDK alone. On top come, with \`blocking\`, the switches of its threads, and with \`all\` its system calls.

**How far to trust it.** Medians of all ${roundsOf(a).length} rounds of ${a.seconds} s for each variant, interleaved, with new processes every
third round. The hypervisor's other guests and other processes here took ${(median(disturbed) * 100).toFixed(1)} % of the service's CPU in the median, ${(Math.max(...disturbed) * 100).toFixed(0)} % at
most.${byQuietRounds(a)} A p99.9 of one
round stands on a request or two; the curve above is of all rounds together. The load is a closed loop: each connection sends its next
request when the last one was answered, so a request that a stall kept from being sent is not counted as slow (coordinated omission).
All variants are measured alike, so it hardly touches the ratios; do not take the latencies for those of users who arrive on their own.
With \`all\`, ${everyCall.spans.toLocaleString('en')} spans were followed, and of the slow ones ${account}.`;
}

/** Of the largest grid, where fixed costs weigh least. */
function largest({ cells }: FigureB, calls: 'fewest' | 'most'): Cell {
  const [first, last] = [
    cells.at(cells.findIndex((cell) => cell.requests === cells.at(-1)?.requests)),
    cells.at(-1),
  ];
  const cell = calls === 'fewest' ? first : last;
  if (cell === undefined) throw new Error('figure B has no cells');
  return cell;
}

function addedMs({ ms }: Cell, variant: Variant): number {
  return median(ms[variant].map((each, round) => each - (ms.sdk[round] ?? NaN)));
}

function added(b: FigureB, variant: Variant): string {
  const cell = largest(b, 'fewest');
  return `${((addedMs(cell, variant) / cell.requests) * 1e3).toFixed(1)} µs`;
}

function eachSpan(b: FigureB): string {
  const cell = largest(b, 'fewest');
  return `${((median(cell.ms.sdk) / cell.requests) * 1e3).toFixed(0)} µs`;
}

function addedByCall(b: FigureB): string {
  const cell = largest(b, 'most');
  return `${((addedMs(cell, 'all') / cell.requests / cell.calls) * 1e6).toFixed(0)} ns`;
}

function requestsSection(b: FigureB): string {
  const { cells } = b;
  const counts = [...new Set(cells.map(({ calls }) => calls))];
  const requests = [...new Set(cells.map((cell) => cell.requests))];
  const line = (variant: 'blocking' | 'all', calls: number): string[] => [
    `${NAMES[variant]}, ${calls} calls`,
    ...requests.map((count) => {
      const cell = cells.find((each) => each.calls === calls && each.requests === count);
      return cell === undefined ? '–' : ratioToSdk(cell, variant).toFixed(2);
    }),
  ];
  return `## B. By requests and system calls

A Python program that does nothing but make spans, with so many \`getppid\` in each: the worst case, for these calls do no
work. Time until the last span is exported, to the SDK alone:

![Execution time against requests and injected system calls](figures/requests.svg)

${table(
  ['', ...requests.map((count) => `${count.toLocaleString('en')} requests`)],
  [...counts.map((calls) => line('blocking', calls)), ...counts.map((calls) => line('all', calls))],
)}

A span without calls takes ${added(b, 'blocking')} longer with \`blocking\` and ${added(b, 'all')} with \`all\`, beside the ${eachSpan(b)} that it
takes with the SDK alone. What grows with the system calls is \`all\`: each takes ${addedByCall(b)} longer. No span here is slow; a slow one also has its records copied, after it has ended.`;
}

function peersSection(peers: Peers): string {
  const measured = peers.peers.map((peer) => [
    peer.name,
    ...(['traced', 'other'] as const).flatMap((of) => CALLS.map((call) => ratioOf(peer[of], call))),
  ]);
  const missing = peers.peers.flatMap(({ name, missing: why }) =>
    why === undefined ? [] : [`\`${name}\` was not measured: ${why}.`],
  );
  const earlier = Object.entries(EARLIER).map(([name, ratios]) => {
    const now = peerNamed(peers, name)?.traced;
    return [name, ...CALLS.flatMap((call) => [ratioOf(now, call), `${ratios[call]}×`])];
  });
  return `## What a user would pick instead

A loop of one system call: \`getppid\`, a read of 1 byte of /dev/zero, a write of 1 byte to /dev/null. Wall time, to the same
process without the tool, which is attached before the clock starts. The other process takes no part, on the same CPU.

![Slowdown of a bare system call](figures/peers.svg)

${table(['', 'traced: getppid', 'read', 'write', 'another process: getppid', 'read', 'write'], measured)}
${missing.length === 0 ? '' : `\n${missing.join('\n')}\n`}
What sits on the tracepoints of system calls slows down every process, whatever it looks at: the kernel takes its slow path for all.
\`strace\` and \`perf trace\` see every call with its arguments, which we keep for slow spans only. \`offcputime\` and \`runqlat\` see no
system call at all; \`blocking\` is the one of ours to hold against them. None of these tools knows what a request is.

${table(
  ['the tool', 'command'],
  peers.peers.map(({ name, command }) => [name, `\`${command}\``]),
  [0, 1],
)}

**The research system** that this work goes back to (${RESEARCH_ORIGIN}; \`getpid\`, to its modules not loaded):

${table(
  ['its state', 'ratio'],
  RESEARCH_SYSTEM.map(({ state, ratio }) => [state, `${ratio}×`]),
)}

The same tools on an earlier day, on a machine of this kind, beside this run, traced process: how much such figures move.

${table(['', 'getppid: now', 'earlier', 'read: now', 'earlier', 'write: now', 'earlier'], earlier)}`;
}

export function page(figures: Figures): string {
  const { a } = figures;
  return `# What it costs

<!-- Written by ${COMMAND.replaceAll('`', '')} from docs/figures/*.json, and anew from them by: npm run figures. Do not edit. -->

Every figure and plot here was made by one command, ${COMMAND} (as root, some 25 minutes), on this machine:
${a.machine}.

The samples are in [figures/](figures/). Trust the ratios: times differ from machine to machine. Smaller parts of the cost, with
their budgets, are measured by \`npm run bench\`; bench/README.md says what each is made of.

${inShort(figures)}

${serviceSection(figures)}

${requestsSection(figures.b)}

${peersSection(figures.peers)}
`;
}
