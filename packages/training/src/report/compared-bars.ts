import type { EvaluationRow } from "../evaluate/row.ts";
import type { MetricName } from "../rank/metrics.ts";
import { bars, baseAxis, type Figure, shareAxis } from "./chart.ts";
import { BAR_GAPS, errorBars } from "./error-bars.ts";
import { formatFigure } from "./format.ts";

/** A ranking as a series of bars. */
export interface Bars {
  readonly row: EvaluationRow;
  readonly name: string;
  readonly color: string;
}

const SHOWN: readonly [MetricName, string][] = [
  ["recallAt1", "R@1"],
  ["recallAt10", "R@10"],
  ["recallAt50", "R@50"],
  ["recallAt100", "R@100"],
  ["ndcgAt10", "N@10"],
  ["ndcgAt100", "N@100"],
];

/** Recall and NDCG of a few rankings side by side, with their 95 % intervals. */
export function comparedBars(series: readonly Bars[]): Pick<Figure, "legend" | "option" | "table"> {
  return {
    legend: series.map(({ name, color }) => ({ name, color, mark: "bar" })),
    option: (narrow) => ({
      xAxis: baseAxis("", {
        type: "category",
        data: SHOWN.map(([, short]) => short),
        axisLabel: { interval: 0, fontSize: narrow ? 11 : 12 },
      }),
      yAxis: shareAxis(),
      series: series.flatMap(({ row, color }, s) => [
        bars(
          SHOWN.map(([name]) => row[name]),
          color,
          { borderRadius: [2, 2, 0, 0] },
          BAR_GAPS,
        ),
        errorBars(
          SHOWN.map(([name]) => [row[name], row.margin95[name]]),
          s,
          series.length,
        ),
      ]),
    }),
    table: {
      columns: ["Ranking", ...SHOWN.map(([, short]) => short)],
      rows: series.map(({ row, name }) => [
        name,
        ...SHOWN.map(([metric]) => `${formatFigure(row[metric])} ± ${formatFigure(row.margin95[metric])}`),
      ]),
    },
  };
}
