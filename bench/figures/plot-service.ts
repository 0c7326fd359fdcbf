/** Figure A: the curve of latencies, and bars for throughput and CPU. */
import type { FigureA, Variant } from './measured.js';
import { VARIANTS } from './measured.js';
import { axisStyle, COLOURS, heading, INK, legend, NAMES, panelTitle, type Plot } from './plot.js';
import { medianOf, roundsOf, type ServiceFigure } from './rows.js';

const SHARES = [0.5, 0.9, 0.99, 0.999];
const LATENCIES = [2, 5, 10, 20, 50, 100];

/** Nines of a share: 0.9 is one, 0.99 two. */
function nines(share: number): number {
  return -Math.log10(1 - share);
}

function percentile(value: number): string {
  const share = SHARES.find((each) => Math.abs(nines(each) - value) < 0.02);
  return share === undefined ? '' : `p${Number((share * 100).toFixed(2))}`;
}

/** Each needs this many requests above the share, or the curve is only noise. */
const ABOVE = 10;

function curve(a: FigureA, variant: Variant): [number, number][] {
  const { pooled, requests } = a.variants[variant];
  return pooled
    .filter(({ share }) => nines(share) <= 3.4 && requests * (1 - share) >= ABOVE)
    .map(({ share, ms }) => [Number(nines(share).toFixed(4)), ms]);
}

export function plotService(a: FigureA): Plot {
  const width = 1080;
  const bars = (figure: ServiceFigure, index: number, digits: number) => ({
    type: 'bar' as const,
    xAxisIndex: index,
    yAxisIndex: index,
    barWidth: '62%',
    label: {
      show: true,
      position: 'top' as const,
      color: INK,
      fontSize: 12,
      formatter: ({ value }: { value: unknown }) => Number(value).toFixed(digits),
    },
    data: VARIANTS.map((variant) => ({
      value: medianOf(a, variant, figure),
      itemStyle: { color: COLOURS[variant] },
    })),
  });
  const short: Readonly<Record<Variant, string>> = {
    untraced: 'untraced',
    sdk: 'SDK',
    blocking: 'blocking',
    all: 'all',
  };
  // Room for the labels; the end of the axis may be no step of its own.
  const bound = (gridIndex: number) => ({
    ...axisStyle,
    type: 'value' as const,
    gridIndex,
    max: ({ max }: { max: number }) => max * 1.12,
    axisLabel: { ...axisStyle.axisLabel, showMaxLabel: false },
  });
  const names = VARIANTS.map((variant) => short[variant]);
  const rounds = roundsOf(a).length;
  return {
    width,
    height: 440,
    option: {
      title: [
        heading(
          'A. A Flask service with SQLite and files, under load',
          `gunicorn on one CPU, wrk with ${a.connections} connections on the other; medians of ${rounds} rounds`,
        ),
        panelTitle('Latency in ms, all requests of all rounds', 56, 72),
        panelTitle('Throughput, requests/s', 588, 72),
        panelTitle('CPU of the host, ms per request', 822, 72),
      ],
      legend: legend(VARIANTS.map((variant) => NAMES[variant])),
      grid: [
        { left: 72, top: 112, width: 440, height: 230 },
        { left: 628, top: 112, width: 180, height: 230 },
        { left: 868, top: 112, width: 180, height: 230 },
      ],
      xAxis: [
        {
          ...axisStyle,
          type: 'value',
          gridIndex: 0,
          min: nines(0.5),
          max: 3.4,
          name: 'share of the requests that took no longer',
          nameLocation: 'middle',
          nameGap: 30,
          axisLabel: { ...axisStyle.axisLabel, customValues: SHARES.map(nines), formatter: percentile },
          axisTick: { show: true, customValues: SHARES.map(nines) },
          splitLine: { show: false },
        },
        ...[1, 2].map((gridIndex) => ({
          ...axisStyle,
          type: 'category' as const,
          gridIndex,
          data: names,
          axisLabel: { ...axisStyle.axisLabel, interval: 0 },
          axisTick: { show: false },
          splitLine: { show: false },
        })),
      ],
      yAxis: [
        {
          ...axisStyle,
          type: 'log',
          gridIndex: 0,
          min: 2,
          max: 100,
          axisLabel: { ...axisStyle.axisLabel, customValues: LATENCIES },
          axisTick: { show: true, customValues: LATENCIES },
        },
        bound(1),
        bound(2),
      ],
      series: [
        ...VARIANTS.map((variant) => ({
          type: 'line' as const,
          name: NAMES[variant],
          xAxisIndex: 0,
          yAxisIndex: 0,
          showSymbol: false,
          lineStyle: { width: 2, color: COLOURS[variant] },
          itemStyle: { color: COLOURS[variant] },
          data: curve(a, variant),
        })),
        bars('throughput', 1, 0),
        bars('cpu', 2, 2),
      ],
    },
  };
}
