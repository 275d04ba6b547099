import { counted, formatCount } from "@poeem/offline/progress";
import type { EvaluationRow, RowKind } from "../evaluate/evaluation.ts";
import type { EvaluationResult } from "../evaluate/result.ts";
import type { MetricName } from "../rank/metrics.ts";
import { acrossAt, bars, baseAxis, type Figure, type LegendEntry, line, SERIES, shareAxis } from "./chart.ts";
import { BAR_GAPS, errorBars } from "./error-bars.ts";
import { formatFigure, formatPercent } from "./format.ts";

const NAMES: Readonly<Record<Exclude<RowKind, "baseline">, string>> = {
  dense: "dense brute force",
  index: "this index, trained jointly",
  "ivf-pq": "IVF+PQ afterwards",
  "ivf-opq": "IVF+OPQ afterwards",
};
const COLORS = { index: SERIES[0], dense: SERIES[1], "ivf-opq": SERIES[2], "ivf-pq": SERIES[3] } as const;

/** Texts have about one right answer, histories many: recall@10 for those, recall@50 for these. */
export function headline({ unnamedQueries }: EvaluationResult): 10 | 50 {
  return unnamedQueries === null ? 50 : 10;
}

/** Dense against index, recall against cells visited and against bytes. */
export function evaluationFigures(result: EvaluationResult, nlist: number, defaultNprobe: number): Figure[] {
  const dense = result.rows.find(({ kind }) => kind === "dense");
  const index = result.rows.filter(({ kind }) => kind === "index");
  if (!dense || index.length === 0) return [];
  const k = headline(result);
  const afterwards = result.rows.some(({ kind }) => kind.startsWith("ivf"));
  return [
    comparison(result, dense, index.find(({ nprobe }) => nprobe === defaultNprobe) ?? index.at(-1)!),
    ...(index.length > 1 ? [byProbes(index, dense, k, nlist, result.emptyCells ?? 0)] : []),
    ...(afterwards ? [byBytes(rowsOfAll(result, Math.max(1, nlist)), dense, k)] : []),
  ];
}

const SHOWN: readonly [MetricName, string][] = [
  ["recallAt1", "R@1"],
  ["recallAt10", "R@10"],
  ["recallAt50", "R@50"],
  ["recallAt100", "R@100"],
  ["ndcgAt10", "N@10"],
  ["ndcgAt100", "N@100"],
];

/** Bars of dense, index, OPQ at equal bytes and cells, and the best baseline. */
function comparison({ rows, queries }: EvaluationResult, dense: EvaluationRow, index: EvaluationRow): Figure {
  const opq = rows.find(
    ({ kind, nprobe, bytesPerItem }) =>
      kind === "ivf-opq" && nprobe === index.nprobe && bytesPerItem === index.bytesPerItem,
  );
  const baselines = rows.filter(({ kind }) => kind === "baseline");
  const baseline = baselines.toSorted((a, b) => b.recallAt100 - a.recallAt100)[0];
  const entry = (row: EvaluationRow, name: string, color: string): [EvaluationRow, LegendEntry] => [
    row,
    { name, color, mark: "bar" },
  ];
  const series = [
    entry(dense, `${NAMES.dense}, ${formatCount(dense.bytesPerItem ?? 0)} bytes per item`, COLORS.dense),
    entry(index, `${NAMES.index}, ${index.bytesPerItem} bytes, ${formatPercent(index.scanned)} scanned`, COLORS.index),
  ];
  if (opq) series.push(entry(opq, `${NAMES["ivf-opq"]}, equal bytes and cells`, COLORS["ivf-opq"]));
  if (baseline) series.push(entry(baseline, baseline.name, "var(--quiet)"));
  return {
    id: "comparison",
    title: "Dense against index",
    description:
      `Recall and NDCG over ${counted(queries, "held-out query")}, with 95 % intervals. At ` +
      `recall@100 the index keeps ${formatPercent(index.recallAt100 / dense.recallAt100)} of what dense brute ` +
      `force finds${opq ? `, OPQ made afterwards ${formatPercent(opq.recallAt100 / dense.recallAt100)}` : ""}.`,
    legend: series.map(([, entry]) => entry),
    option: (narrow) => ({
      xAxis: baseAxis("", {
        type: "category",
        data: SHOWN.map(([, short]) => short),
        axisLabel: { interval: 0, fontSize: narrow ? 11 : 12 },
      }),
      yAxis: shareAxis(),
      series: series.flatMap(([row, { color }], s) => [
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
      rows: series.map(([row, { name }]) => [
        name,
        ...SHOWN.map(([metric]) => `${formatFigure(row[metric])} ± ${formatFigure(row.margin95[metric])}`),
      ]),
    },
  };
}

function byProbes(
  index: readonly EvaluationRow[],
  dense: EvaluationRow,
  k: 10 | 50,
  nlist: number,
  empty: number,
): Figure {
  const name = `recallAt${k}` as const;
  const first = index.find((row) => row[name] >= 0.99 * index.at(-1)![name])!;
  return {
    id: "nprobe",
    title: `Recall@${k} against cells visited`,
    description: `Of ${counted(nlist, "cell")}${empty === 0 ? "" : `, ${formatCount(empty)} of them empty`}. ${
      first === index.at(-1)
        ? "Fewer than all cost more than 1 % of the recall"
        : `Visiting ${formatCount(first.nprobe ?? 0)} of them, ${formatPercent(first.scanned)} of the items, gives ` +
          `99 % of the recall of visiting all`
    }; all cells give ${formatFigure(index.at(-1)![name])}, dense brute force ${formatFigure(dense[name])}.`,
    legend: [
      { name: NAMES.index, color: COLORS.index, mark: "line" },
      { name: NAMES.dense, color: COLORS.dense, mark: "dashed" },
    ],
    option: () => ({
      xAxis: baseAxis("cells visited (nprobe)", {
        type: "category",
        data: index.map(({ nprobe }) => String(nprobe)),
        boundaryGap: false,
      }),
      yAxis: shareAxis({ scale: true }),
      series: [
        line(
          index.map((row) => row[name]),
          COLORS.index,
          { width: 2 },
          { symbol: "circle", symbolSize: 7 },
        ),
        // a series of its own, so that the axis reaches it
        line(
          index.map(() => dense[name]),
          COLORS.dense,
          { type: "dashed", width: 1.5 },
          { showSymbol: false },
        ),
      ],
    }),
    table: {
      columns: ["Cells visited", "Items scanned", `Recall@${k}`, "95 %", "Overlap@10"],
      rows: index.map((row) => [
        String(row.nprobe),
        formatPercent(row.scanned),
        formatFigure(row[name]),
        `± ${formatFigure(row.margin95[name])}`,
        row.overlapAt10?.toFixed(3) ?? "–",
      ]),
    },
  };
}

/** Rows for which all cells are visited, so that only the codes differ. */
function rowsOfAll({ rows, emptyCells = 0 }: EvaluationResult, cells: number): EvaluationRow[] {
  return rows.filter(
    ({ nprobe, bytesPerItem, kind }) =>
      bytesPerItem !== null && nprobe === (kind === "index" ? cells - emptyCells : cells),
  );
}

function byBytes(whole: readonly EvaluationRow[], dense: EvaluationRow, k: 10 | 50): Figure {
  const name = `recallAt${k}` as const;
  const sizes = [...new Set(whole.map((row) => row.bytesPerItem!))].sort((a, b) => a - b);
  const kinds = (["index", "ivf-opq", "ivf-pq"] as const).map((kind) => ({
    kind,
    at: sizes.map((bytes) => whole.find((row) => row.kind === kind && row.bytesPerItem === bytes)),
  }));
  const [own, opq] = [kinds[0]!.at.find(Boolean), kinds[1]!];
  const equal = own && opq.at[sizes.indexOf(own.bytesPerItem!)];
  const compared =
    own && equal
      ? ` At ${own.bytesPerItem} bytes this index has ${formatFigure(own[name])}, OPQ made afterwards from the same ` +
        `dense vectors ${formatFigure(equal[name])}, dense ${formatFigure(dense[name])}.`
      : "";
  return {
    id: "bytes",
    title: `Recall@${k} against bytes per item`,
    description: `All cells visited, so that codes alone differ.${compared}`,
    legend: [
      { name: NAMES.index, color: COLORS.index, mark: "point" },
      { name: NAMES["ivf-opq"], color: COLORS["ivf-opq"], mark: "line" },
      { name: NAMES["ivf-pq"], color: COLORS["ivf-pq"], mark: "dotted" },
      { name: `${NAMES.dense}, ${formatCount(dense.bytesPerItem ?? 0)} bytes`, color: COLORS.dense, mark: "dashed" },
    ],
    option: () => ({
      xAxis: baseAxis("bytes per item", { type: "category", data: sizes.map(String) }),
      yAxis: shareAxis({
        scale: true,
        max: ({ max }: { max: number }) => Math.min(1, Math.max(max, dense[name]) * 1.02),
      }),
      series: kinds.toReversed().map(({ kind, at }) => {
        const style = { width: 2, type: kind === "ivf-pq" ? "dotted" : "solid" };
        return line(
          at.map((row) => row?.[name] ?? null),
          COLORS[kind],
          style,
          {
            connectNulls: true,
            symbol: kind === "index" ? "diamond" : kind === "ivf-opq" ? "circle" : "rect",
            symbolSize: kind === "index" ? 15 : 7,
            ...(kind === "index" && { markLine: acrossAt(dense[name], "dense", COLORS.dense) }),
          },
        );
      }),
    }),
    table: {
      columns: ["Bytes per item", ...kinds.map(({ kind }) => NAMES[kind])],
      rows: sizes.map((bytes, i) => [
        String(bytes),
        ...kinds.map(({ at }) =>
          at[i] ? `${formatFigure(at[i][name])} ± ${formatFigure(at[i].margin95[name])}` : "–",
        ),
      ]),
    },
  };
}
