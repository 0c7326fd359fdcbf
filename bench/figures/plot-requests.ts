/** Figure B: execution time against the number of requests, one panel for each number of injected calls, and its ratio. */
import { median } from '../statistics.js';
import { VARIANTS, type Cell, type FigureB, type Variant } from './measured.js';
import { axisStyle, COLOURS, heading, legend, NAMES, panelTitle, type Plot } from './plot.js';
import { ratioToSdk } from './rows.js';

const LEFT = 64;
const PANEL = 204;
const GAP = 52;
const TIME_TOP = 122;
const TIME_HEIGHT = 210;
const RATIO_TOP = 392;
const RATIO_HEIGHT = 150;

export function plotRequests({ cells }: FigureB): Plot {
  const calls = [...new Set(cells.map((cell) => cell.calls))];
  const left = (panel: number): number => LEFT + panel * (PANEL + GAP);
  const panels = calls.map((_, panel) => panel);
  const line = (variant: Variant, index: number, data: [number, number][]) => ({
    type: 'line' as const,
    name: NAMES[variant],
    xAxisIndex: index,
    yAxisIndex: index,
    symbol: 'circle',
    symbolSize: 6,
    lineStyle: { width: 2, color: COLOURS[variant] },
    itemStyle: { color: COLOURS[variant] },
    data,
  });
  const of = (count: number, figure: (cell: Cell) => number): [number, number][] =>
    cells
      .filter((cell) => cell.calls === count)
      .map((cell) => [cell.requests, Number(figure(cell).toPrecision(4))]);
  const requests = cells.map((cell) => cell.requests);
  const x = (gridIndex: number, named: boolean) => ({
    ...axisStyle,
    type: 'log' as const,
    gridIndex,
    min: Math.min(...requests) / 1.3,
    max: Math.max(...requests) * 1.3,
    axisLabel: { ...axisStyle.axisLabel, customValues: [...new Set(requests)] },
    axisTick: { show: true, customValues: [...new Set(requests)] },
    splitLine: { show: false },
    ...(named ? { name: 'requests', nameLocation: 'middle' as const, nameGap: 28 } : {}),
  });
  const ratios = cells.flatMap((cell) => [ratioToSdk(cell, 'blocking'), ratioToSdk(cell, 'all')]);
  const highest = Math.max(2, 0.8 + 0.4 * Math.ceil((Math.max(...ratios) - 0.8) / 0.4));
  return {
    width: left(calls.length) - GAP + 30,
    height: 640,
    option: {
      title: [
        heading(
          'B. Execution time by requests and injected system calls',
          'Python, one span for each request; until the last span is exported. Medians',
        ),
        ...calls.map((count, panel) =>
          panelTitle(
            count === 0 ? 'no calls' : `${count.toLocaleString('en')} calls in each request`,
            left(panel) - 8,
            TIME_TOP - 48,
          ),
        ),
      ],
      legend: legend(VARIANTS.map((variant) => NAMES[variant])),
      grid: [
        ...panels.map((panel) => ({ left: left(panel), top: TIME_TOP, width: PANEL, height: TIME_HEIGHT })),
        ...panels.map((panel) => ({ left: left(panel), top: RATIO_TOP, width: PANEL, height: RATIO_HEIGHT })),
      ],
      xAxis: [
        ...panels.map((panel) => x(panel, false)),
        ...panels.map((panel) => x(calls.length + panel, true)),
      ],
      yAxis: [
        ...panels.map((gridIndex) => ({
          ...axisStyle,
          type: 'log' as const,
          gridIndex,
          name: 'ms',
          min: 0.01,
          max: 10_000,
        })),
        ...panels.map((panel) => ({
          ...axisStyle,
          type: 'value' as const,
          gridIndex: calls.length + panel,
          name: 'to the SDK alone',
          min: 0.8,
          max: highest,
          interval: 0.4,
          axisLabel: { ...axisStyle.axisLabel, formatter: (value: number) => `${value.toFixed(1)}×` },
        })),
      ],
      series: calls.flatMap((count, panel) => [
        ...VARIANTS.map((variant) =>
          line(
            variant,
            panel,
            of(count, ({ ms }) => median(ms[variant])),
          ),
        ),
        ...(['sdk', 'blocking', 'all'] as const).map((variant) =>
          line(
            variant,
            calls.length + panel,
            of(count, (cell) => ratioToSdk(cell, variant)),
          ),
        ),
      ]),
    },
  };
}
