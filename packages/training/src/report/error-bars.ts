import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from "echarts";

/** Where bars of several series stand in a category. */
export const BAR_GAPS = { barGap: "8%", barCategoryGap: "28%" } as const;

/**
 * Whiskers on the bars of one series of shares: a vertical line from mean − margin to mean + margin, from 0
 * to 1 at most. ECharts tells a custom series where the bars of `count` series in a category stand.
 *
 * @param intervals mean and margin of each category
 */
export function errorBars(
  intervals: readonly (readonly [number, number])[],
  series: number,
  count: number,
): Record<string, unknown> {
  return {
    type: "custom",
    silent: true,
    z: 5,
    data: intervals.map(([mean, margin], category) => [
      category,
      Math.max(0, mean - margin),
      Math.min(1, mean + margin),
    ]),
    encode: { x: 0, y: [1, 2] },
    renderItem(_: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) {
      const low = api.coord([api.value(0), api.value(1)]);
      const high = api.coord([api.value(0), api.value(2)]);
      const bar = api.barLayout?.({ count, ...BAR_GAPS })?.[series];
      if (!bar) return null;
      const x = low[0]! + bar.offsetCenter;
      const cap = Math.min(4, bar.width / 4);
      const line = (x1: number, y1: number, x2: number, y2: number): object => ({
        type: "line",
        shape: { x1, y1, x2, y2 },
        style: { stroke: "var(--ink)", lineWidth: 1 },
      });
      return {
        type: "group",
        children: [
          line(x, low[1]!, x, high[1]!),
          line(x - cap, low[1]!, x + cap, low[1]!),
          line(x - cap, high[1]!, x + cap, high[1]!),
        ],
      };
    },
  };
}
