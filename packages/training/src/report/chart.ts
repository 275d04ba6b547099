import { createRequire } from "node:module";
import type { EChartsCoreOption } from "echarts/core";
import { escapeHtml } from "./html.ts";

// One file: as ECharts' entries for bundlers are hundreds of modules, Node takes six times as long over those.
const { init } = createRequire(import.meta.url)("echarts/dist/echarts.min") as typeof import("echarts");

/** The colours of series are custom properties of the page, which knows whether it is light or dark. */
export const SERIES = ["var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)"] as const;
const INK = "var(--quiet)";
const LINE = "var(--line)";

/** One plot with the words and the figures that say the same. */
export interface Figure {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** What the plot shows and what comes out, for those who do not see it, and below the plot for those who do. */
  readonly description: string;
  readonly legend: readonly LegendEntry[];
  readonly option: (narrow: boolean) => EChartsCoreOption;
  readonly table: Table;
}

export interface LegendEntry {
  readonly name: string;
  readonly color: string;
  /** How the series is drawn, so that colour is not all that tells it apart. */
  readonly mark: "line" | "dashed" | "dotted" | "bar" | "point";
}

/** Cells are text already; the first column names the row. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

// Drawn twice, because text in an SVG that shrinks to the width of a phone cannot be read; the page shows one of them.
const SIZES = [
  { name: "wide", width: 560, height: 300 },
  { name: "narrow", width: 340, height: 270 },
] as const;

/** Draws a figure as SVG, for wide and for narrow pages, without a DOM. */
export function drawFigure(figure: Figure): string {
  return SIZES.map(({ name, width, height }) => {
    const chart = init(null, null, { renderer: "svg", ssr: true, width, height });
    try {
      chart.setOption({
        animation: false,
        textStyle: { fontFamily: "inherit" },
        grid: { left: 8, right: 18, top: 14, bottom: 8, outerBoundsMode: "same", outerBoundsContain: "all" },
        ...figure.option(name === "narrow"),
      });
      return label(chart.renderToSVGString({ useViewBox: true }), `${figure.id}-${name}`, name, figure);
    } finally {
      chart.dispose();
    }
  }).join("\n");
}

/** An image with a name and a description to assistive technology. */
function label(svg: string, id: string, size: string, { title, description }: Figure): string {
  const opening = /^<svg width="\d+" height="\d+"/;
  if (!opening.test(svg)) throw new Error(`[training] ECharts drew something else than expected: ${svg.slice(0, 60)}`);
  return svg
    .replace(opening, `<svg class="${size}" role="img" aria-labelledby="${id}-title ${id}-desc"`)
    .replace(
      />/,
      `><title id="${id}-title">${escapeHtml(title)}</title><desc id="${id}-desc">${escapeHtml(description)}</desc>`,
    );
}

/** An axis in the page's colours. */
export function axis(options: Record<string, unknown>): Record<string, unknown> {
  const { axisLabel, nameTextStyle, ...rest } = options as { axisLabel?: object; nameTextStyle?: object };
  return {
    axisLine: { show: true, lineStyle: { color: LINE } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: LINE } },
    nameLocation: "middle",
    ...rest,
    nameTextStyle: { color: INK, fontSize: 12, ...nameTextStyle },
    axisLabel: { color: INK, fontSize: 12, hideOverlap: true, ...axisLabel },
  };
}

/** The value axis on the left, named above the plot's corner by the page and not along the axis. */
export function valueAxis(options: Record<string, unknown> = {}): Record<string, unknown> {
  return axis({ type: "value", splitNumber: 4, ...options });
}

/** The same for shares: where they come near 1 it ends there. */
export function shareAxis(options: Record<string, unknown> = {}): Record<string, unknown> {
  return valueAxis({ max: ({ max }: { max: number }) => (max > 0.8 ? 1 : null), ...options });
}

/** The axis below, with its name. */
export function baseAxis(name: string, options: Record<string, unknown> = {}): Record<string, unknown> {
  return axis({ name, nameGap: 28, splitLine: { show: false }, ...options });
}

/** A series of bars. @param style beside the colour */
export function bars(data: readonly unknown[], color: string, style: object, options: object): object {
  return { type: "bar", silent: true, data, itemStyle: { color, ...style }, ...options };
}

/** A curve. @param style of the line beside the colour */
export function line(data: readonly unknown[], color: string, style: object, options: object): object {
  return { type: "line", silent: true, data, lineStyle: { color, ...style }, itemStyle: { color }, ...options };
}

/** A line across the plot at a value, named at its right end. */
export function acrossAt(value: number, name: string, color: string): Record<string, unknown> {
  return {
    silent: true,
    symbol: "none",
    // ECharts would draw it at the value rounded to two places
    precision: 12,
    data: [{ yAxis: value }],
    lineStyle: { color, type: "dashed", width: 1.5 },
    label: { formatter: name, position: "insideEndTop", color: INK, fontSize: 12 },
  };
}
