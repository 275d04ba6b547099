import { counted, formatCount } from "@poeem/offline/progress";
import type { EvaluationResult } from "../evaluate/result.ts";
import type { EvaluationRow, RowKind } from "../evaluate/row.ts";
import type { MetricName } from "../rank/metrics.ts";
import { acrossAt, baseAxis, type Figure, line, SERIES, shareAxis } from "./chart.ts";
import { type Bars, comparedBars } from "./compared-bars.ts";
import { formatFigure, formatPercent } from "./format.ts";

const NAMES: Readonly<Record<Exclude<RowKind, "baseline" | "spoiled">, string>> = {
  dense: "dense brute force",
  index: "this index, trained jointly",
  words: "words alone",
  hybrid: "words and codes",
  "ivf-pq": "IVF+PQ afterwards",
  "ivf-opq": "IVF+OPQ afterwards",
};
const COLORS = {
  index: SERIES[0],
  dense: SERIES[1],
  words: SERIES[2],
  hybrid: SERIES[3],
  "ivf-opq": SERIES[2],
  "ivf-pq": SERIES[3],
} as const;

/** Texts have about one right answer, histories many: recall@10 for those, recall@50 for these. */
export function headline({ unnamedQueries }: EvaluationResult): 10 | 50 {
  return unnamedQueries === null ? 50 : 10;
}

/** Words, codes and both; dense against index; recall against cells visited and against bytes. */
export function evaluationFigures(result: EvaluationResult, nlist: number, defaultNprobe: number): Figure[] {
  const { rows } = result;
  const dense = rows.find(({ kind }) => kind === "dense");
  const index = rows.filter(({ kind }) => kind === "index");
  const hybrid = rows.filter(({ kind }) => kind === "hybrid");
  if (index.length === 0) return [];
  const k = headline(result);
  const afterwards = rows.some(({ kind }) => kind.startsWith("ivf"));
  const usual = atUsual(index, defaultNprobe);
  return [
    ...(hybrid.length > 0 ? [bySide(result, usual, atUsual(hybrid, defaultNprobe))] : []),
    ...(dense ? [comparison(result, dense, usual)] : []),
    ...(index.length > 1 ? [byProbes({ index, hybrid, dense }, k, nlist, result.emptyCells ?? 0)] : []),
    ...(dense && afterwards ? [byBytes(rowsOfAll(result, Math.max(1, nlist)), dense, k)] : []),
  ];
}

/** Of rows that differ in nprobe, the one at the default; the last where that was not measured. */
function atUsual(rows: readonly EvaluationRow[], defaultNprobe: number): EvaluationRow {
  return rows.find(({ nprobe }) => nprobe === defaultNprobe) ?? rows.at(-1)!;
}

/** Bars of words, codes and both at one nprobe, and BM25F. */
function bySide({ rows, queries }: EvaluationResult, index: EvaluationRow, hybrid: EvaluationRow): Figure {
  const words = rows.find(({ kind }) => kind === "words");
  const bm25f = rows.find(({ name }) => name === "BM25F");
  const series: Bars[] = [{ row: hybrid, name: NAMES.hybrid, color: COLORS.hybrid }];
  if (words) series.push({ row: words, name: NAMES.words, color: COLORS.words });
  series.push({ row: index, name: "codes alone", color: COLORS.index });
  if (bm25f) series.push({ row: bm25f, name: bm25f.name, color: "var(--quiet)" });
  const spoiled = rows.flatMap(({ kind, name, queries, recallAt10, cleanRecallAt10: clean = Number.NaN }) => {
    const found = `recall@10 ${formatFigure(recallAt10)} of ${counted(queries, "query")}`;
    return kind === "spoiled" ? [` ${name}: ${found}, ${formatFigure(clean)} clean.`] : [];
  });
  return {
    id: "sides",
    title: "Words, codes and both",
    description:
      `Recall and NDCG over ${counted(queries, "held-out query")}, with 95 % intervals. At recall@10 words and codes ` +
      `together find ${formatFigure(hybrid.recallAt10)}, codes alone ${formatFigure(index.recallAt10)}` +
      `${words ? `, words alone ${formatFigure(words.recallAt10)}` : ""}.${spoiled.join("")}`,
    ...comparedBars(series),
  };
}

/** Bars of dense, index, OPQ at equal bytes and cells, and the best baseline. */
function comparison({ rows, queries }: EvaluationResult, dense: EvaluationRow, index: EvaluationRow): Figure {
  const opq = rows.find(
    ({ kind, nprobe, bytesPerItem }) =>
      kind === "ivf-opq" && nprobe === index.nprobe && bytesPerItem === index.bytesPerItem,
  );
  const baselines = rows.filter(({ kind }) => kind === "baseline");
  const baseline = baselines.toSorted((a, b) => b.recallAt100 - a.recallAt100)[0];
  const denseBytes = formatCount(dense.bytesPerItem ?? 0);
  const indexFacts = `${index.bytesPerItem} bytes, ${formatPercent(index.scanned)} scanned`;
  const series: Bars[] = [
    { row: dense, name: `${NAMES.dense}, ${denseBytes} bytes per item`, color: COLORS.dense },
    { row: index, name: `${NAMES.index}, ${indexFacts}`, color: COLORS.index },
  ];
  if (opq) series.push({ row: opq, name: `${NAMES["ivf-opq"]}, equal bytes and cells`, color: COLORS["ivf-opq"] });
  if (baseline) series.push({ row: baseline, name: baseline.name, color: "var(--quiet)" });
  return {
    id: "comparison",
    title: "Dense against index",
    description:
      `Recall and NDCG over ${counted(queries, "held-out query")}, with 95 % intervals. At ` +
      `recall@100 the index keeps ${formatPercent(index.recallAt100 / dense.recallAt100)} of what dense brute ` +
      `force finds${opq ? `, OPQ made afterwards ${formatPercent(opq.recallAt100 / dense.recallAt100)}` : ""}.`,
    ...comparedBars(series),
  };
}

interface ByProbes {
  readonly index: readonly EvaluationRow[];
  readonly hybrid: readonly EvaluationRow[];
  readonly dense: EvaluationRow | undefined;
}

function byProbes({ index, hybrid, dense }: ByProbes, k: 10 | 50, nlist: number, empty: number): Figure {
  const name = `recallAt${k}` as const;
  const first = index.find((row) => row[name] >= 0.99 * index.at(-1)![name])!;
  const both = hybrid.at(-1);
  const drawn = { symbol: "circle", symbolSize: 7 };
  const known = <T>(part: T | undefined | false): T[] => (part ? [part] : []);
  return {
    id: "nprobe",
    title: `Recall@${k} against cells visited`,
    description: `Of ${counted(nlist, "cell")}${empty === 0 ? "" : `, ${formatCount(empty)} of them empty`}. ${
      first === index.at(-1)
        ? "Fewer than all cost more than 1 % of the recall"
        : `Visiting ${formatCount(first.nprobe ?? 0)} of them, ${formatPercent(first.scanned)} of the items, gives ` +
          `99 % of the recall of visiting all`
    }; all cells give ${formatFigure(index.at(-1)![name])}${both ? `, with words ${formatFigure(both[name])}` : ""}${
      dense ? `, dense brute force ${formatFigure(dense[name])}` : ""
    }.`,
    legend: [
      ...known(both && ({ name: NAMES.hybrid, color: COLORS.hybrid, mark: "line" } as const)),
      { name: NAMES.index, color: COLORS.index, mark: "line" },
      ...known(dense && ({ name: NAMES.dense, color: COLORS.dense, mark: "dashed" } as const)),
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
          drawn,
        ),
        ...known(
          both &&
            line(
              index.map(({ nprobe }) => hybrid.find((row) => row.nprobe === nprobe)?.[name] ?? null),
              COLORS.hybrid,
              { width: 2 },
              drawn,
            ),
        ),
        // a series of its own, so that the axis reaches it
        ...known(
          dense &&
            line(
              index.map(() => dense[name]),
              COLORS.dense,
              { type: "dashed", width: 1.5 },
              { showSymbol: false },
            ),
        ),
      ],
    }),
    table: {
      columns: ["Cells visited", "Items scanned", `Recall@${k}`, "95 %", "Overlap@10", ...known(both && "With words")],
      rows: index.map((row) => [
        String(row.nprobe),
        formatPercent(row.scanned),
        formatFigure(row[name]),
        `± ${formatFigure(row.margin95[name])}`,
        row.overlapAt10?.toFixed(3) ?? "–",
        ...known(both && withWords(hybrid, row, name)),
      ]),
    },
  };
}

function withWords(hybrid: readonly EvaluationRow[], { nprobe }: EvaluationRow, name: MetricName): string {
  const row = hybrid.find((one) => one.nprobe === nprobe);
  return row ? `${formatFigure(row[name])} ± ${formatFigure(row.margin95[name])}` : "–";
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
