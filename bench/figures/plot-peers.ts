/** Peers: how much slower a bare system call becomes, for the process that is traced and for another one. */
import type { Peers } from './measured.js';
import { axisStyle, heading, INK, legend, type Plot } from './plot.js';
import { RESEARCH_SYSTEM } from './published.js';
import { slowdown } from './rows.js';

const TRACED = '#b91c1c';
const OTHER = '#2563eb';
const PUBLISHED = '#6b7280';

interface Line {
  readonly name: string;
  readonly traced?: number;
  readonly other?: number;
  readonly published: boolean;
}

function linesOf({ peers }: Peers): Line[] {
  const measured = peers.map((peer): Line => {
    if (peer.traced === undefined || peer.other === undefined)
      return { name: `${peer.name} (not measured)`, published: false };
    return {
      name: peer.name,
      traced: slowdown(peer.traced.getppid).median,
      other: slowdown(peer.other.getppid).median,
      published: false,
    };
  });
  const published = RESEARCH_SYSTEM.map(({ state, process, ratio }): Line => ({
    name: `research system: ${state}`,
    [process]: ratio,
    published: true,
  }));
  return [...measured, ...published];
}

export function times(ratio: number): string {
  return `${ratio.toFixed(ratio >= 20 ? 0 : ratio >= 10 ? 1 : 2)}×`;
}

export function plotPeers(peers: Peers): Plot {
  const lines = linesOf(peers);
  const dots = (name: string, of: 'traced' | 'other', published: boolean, colour: string) => ({
    type: 'scatter' as const,
    name,
    symbol: published ? 'diamond' : 'circle',
    symbolSize: published ? 13 : 11,
    itemStyle:
      of === 'other'
        ? { color: '#ffffff', borderColor: colour, borderWidth: 2.5, opacity: 1 }
        : { color: colour, opacity: 1 },
    // Two points of one line may be close: their labels are on the far sides.
    label: {
      show: true,
      position: of === 'traced' ? ('right' as const) : ('left' as const),
      color: INK,
      fontSize: 11,
      formatter: ({ value }: { value: unknown }) => times((value as [number, number])[0]),
    },
    data: lines.flatMap((line, index) => {
      const ratio = line[of];
      return ratio === undefined || line.published !== published
        ? []
        : [[Number(ratio.toPrecision(4)), index]];
    }),
  });
  const series = [
    dots('the process that is traced', 'traced', false, TRACED),
    dots('another process', 'other', false, OTHER),
    dots('traced, published', 'traced', true, PUBLISHED),
    dots('another, published', 'other', true, PUBLISHED),
  ];
  return {
    width: 1060,
    height: 130 + lines.length * 30 + 90,
    option: {
      title: heading(
        'Slowdown of a bare system call (getppid)',
        'wall time, to the same process without the tool. Grey: the research system, published from Linux 5.10 in QEMU',
      ),
      legend: legend(series.map(({ name }) => name)),
      grid: { left: 400, top: 84, right: 60, bottom: 86 },
      xAxis: {
        ...axisStyle,
        type: 'log',
        min: 0.4,
        max: 1000,
        name: 'times as slow (logarithmic)',
        nameLocation: 'middle',
        nameGap: 28,
        axisLabel: { ...axisStyle.axisLabel, customValues: [1, 2, 5, 10, 100, 1000], formatter: '{value}×' },
        axisTick: { show: true, customValues: [1, 2, 5, 10, 100, 1000] },
      },
      yAxis: {
        ...axisStyle,
        type: 'category',
        inverse: true,
        data: lines.map(({ name }) => name),
        axisLabel: { ...axisStyle.axisLabel, interval: 0, fontSize: 12 },
        axisTick: { show: false },
      },
      series,
    },
  };
}
