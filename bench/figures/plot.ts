/** Plots as SVG: the same option always gives the same bytes. */
import * as echarts from 'echarts';
import type { Variant } from './measured.js';

export const COLOURS: Readonly<Record<Variant, string>> = {
  untraced: '#6b7280',
  sdk: '#2563eb',
  blocking: '#059669',
  all: '#d97706',
};

export const NAMES: Readonly<Record<Variant, string>> = {
  untraced: 'untraced',
  sdk: 'OpenTelemetry SDK',
  blocking: 'SDK + sltagent, blocking',
  all: 'SDK + sltagent, all',
};

export const INK = '#1f2937';
export const FAINT = '#e5e7eb';

export interface Plot {
  readonly width: number;
  readonly height: number;
  readonly option: echarts.EChartsOption;
}

/** On a white ground of its own: a page may be light or dark. */
export function svg({ width, height, option }: Plot): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: 'Helvetica, Arial, DejaVu Sans, sans-serif', color: INK },
    ...option,
  });
  const text = chart.renderToSVGString();
  chart.dispose();
  return `${unnumbered(text)}\n`;
}

/** Ids count the charts that this process has made: they are numbered within the plot instead. */
function unnumbered(text: string): string {
  const ids = new Map<string, string>();
  return text.replace(/zr\d+-[a-z]+-?\d+/g, (id) => {
    const own = ids.get(id) ?? `p${ids.size}`;
    ids.set(id, own);
    return own;
  });
}

export function heading(text: string, subtext: string): echarts.TitleComponentOption {
  return {
    text,
    subtext,
    left: 24,
    top: 14,
    textStyle: { fontSize: 17, fontWeight: 'bold', color: INK },
    subtextStyle: { fontSize: 12, color: '#4b5563' },
  };
}

/** The title of one panel of several. */
export function panelTitle(text: string, left: number, top: number): echarts.TitleComponentOption {
  return { text, left, top, textStyle: { fontSize: 13, fontWeight: 'bold', color: INK } };
}

/** Below everything. The gaps leave room for fonts that are wider than the one that the library reckons with. */
export function legend(data: readonly string[]): echarts.LegendComponentOption {
  return {
    bottom: 10,
    left: 'center',
    data: [...data],
    itemGap: 44,
    itemWidth: 22,
    textStyle: { color: INK, fontSize: 12 },
  };
}

export const axisStyle = {
  axisLabel: { color: INK, fontSize: 11 },
  nameTextStyle: { color: INK, fontSize: 11 },
  axisLine: { show: true, lineStyle: { color: '#9ca3af' } },
  axisTick: { show: true, lineStyle: { color: '#9ca3af' } },
  splitLine: { show: true, lineStyle: { color: FAINT } },
  minorSplitLine: { show: false },
};
