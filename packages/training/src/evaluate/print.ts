import { counted, formatCount } from "@poeem/offline/progress";
import { describeHeldOut } from "../data/report.ts";
import type { Measure } from "../rank/metrics.ts";
import type { EvaluationResult } from "./result.ts";
import type { EvaluationRow, RowKind } from "./row.ts";

const percent = (x: number): string => `${(100 * x).toFixed(1)}%`;
const figure = (x: number): string => x.toFixed(4);

/** A column: its head, and what a row has there. */
export type Column = readonly [head: string, of: (row: EvaluationRow) => string];

/** What is called how in the table, and where lists are cut unless a person says so. */
const MEASURED: readonly (readonly [measure: Measure, name: string, usual: readonly number[]])[] = [
  ["recall", "recall", [10, 20, 50, 100]],
  ["ndcg", "ndcg", [10, 100]],
  ["precision", "precision", [10]],
  ["cappedRecall", "capped recall", [10]],
  ["hit", "hit", [10]],
];

/** The columns that a result needs; "@20" behind "recall@10" is recall@20. */
export function columnsOf({ rows, cutoffs, unnamedQueries }: EvaluationResult): Column[] {
  const columns: Column[] = [
    ["ranking", ({ name }) => name],
    ["bytes per item", ({ bytesPerItem }) => (bytesPerItem === null ? "–" : formatCount(bytesPerItem))],
    ["nprobe", ({ nprobe }) => String(nprobe ?? "–")],
    ["scanned", ({ scanned }) => percent(scanned)],
  ];
  for (const [measure, name, usual] of MEASURED) {
    for (const [i, k] of (cutoffs ?? usual).entries()) {
      const metric = `${measure}At${k}` as const;
      const value = (row: EvaluationRow): string => figure(row[metric]!);
      const margin = (row: EvaluationRow): string => ` ± ${figure(row.margin95[metric]!)}`;
      const hasMargin = measure === "recall" && i === 0;
      columns.push([i === 0 ? `${name}@${k}` : `@${k}`, (row) => value(row) + (hasMargin ? margin(row) : "")]);
    }
  }
  columns.push(["overlap@10", ({ overlapAt10 }) => overlapAt10?.toFixed(3) ?? "–"]);
  if (unnamedQueries !== null)
    columns.push([
      "unnamed",
      ({ recallAt10Unnamed }) => (recallAt10Unnamed === null ? "–" : figure(recallAt10Unnamed)),
    ]);
  if (rows.some(({ kind }) => kind === "spoiled")) {
    columns.push(
      ["queries", ({ queries }) => formatCount(queries)],
      ["clean", ({ cleanRecallAt10 }) => (cleanRecallAt10 === undefined ? "–" : figure(cleanRecallAt10))],
    );
  }
  return columns;
}

/** The result as a Markdown table with the words that explain it. */
export function formatEvaluation(result: EvaluationResult): string {
  const { queries, heldOut, items, rows } = result;
  const sampled = queries < heldOut ? ` of ${formatCount(heldOut)}, spread evenly` : "";
  const columns = columnsOf(result);
  const cells = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, of]) => of(row)))];
  const widths = columns.map((_, c) => Math.max(...cells.map((line) => line[c]!.length)));
  const lines = cells.map(
    (line) =>
      `| ${line.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join(" | ")} |`,
  );
  const rules = widths.map((width, c) => "-".repeat(width + 1) + (c === 0 ? "-" : ":"));
  lines.splice(1, 0, `|${rules.join("|")}|`);
  const notes = [
    ...(result.backend === undefined ? [] : [`computed on the ${result.backend} backend`]),
    ...describeHeldOut({ ...result, testQueries: heldOut }),
    ...describeEmpty(result),
    ...describeChanged(result),
    ...describeColumns(result),
  ];
  return (
    `${counted(queries, "held-out query")}${sampled}, full ranking of ${counted(items, "item")}; means over ` +
    `queries, ± the 95 % interval\n${notes.join("\n")}\n\n${lines.join("\n")}\n`
  );
}

function describeColumns({ rows, unnamedQueries: unnamed, weights }: EvaluationResult): string[] {
  const has = (kind: RowKind): boolean => rows.some((row) => row.kind === kind);
  const are = unnamed === 1 ? "is" : "are";
  return [
    ...(has("dense") ? ["overlap: share of dense brute force's top 10"] : []),
    ...(unnamed === null
      ? []
      : [
          `unnamed: recall@10 over the ${counted(unnamed, "query")} that ${are} not, word for word, ` +
            "the text of an item",
        ]),
    ...(weights
      ? [
          "index: by codes alone; words: by words alone; hybrid: by both, as a search does, with a weight of " +
            `${weights.dense} for codes and ${weights.words} for words`,
        ]
      : []),
    ...(has("spoiled")
      ? [
          "one edit: in a word of 5 or more letters; last word cut: if it has as many; queries: those with one; " +
            "clean: recall@10 of the same queries as they are",
        ]
      : []),
  ];
}

function describeChanged({ changed, items }: EvaluationResult): string[] {
  if (!changed) return [];
  return [
    `the catalogue was changed since the training: ${formatCount(changed.removed)} of the ${counted(items, "item")} ` +
      `are not in the index and count as not found, and ${formatCount(changed.added)} that the data have not are`,
  ];
}

function describeEmpty({ cells = 1, emptyCells = 0 }: EvaluationResult): string[] {
  if (emptyCells === 0) return [];
  const share = percent(emptyCells / cells);
  return [`${formatCount(emptyCells)} of ${formatCount(cells)} cells (${share}) are empty and never visited`];
}
