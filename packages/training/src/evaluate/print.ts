import { counted, formatCount } from "@poeem/offline/progress";
import { describeHeldOut } from "../data/report.ts";
import type { EvaluationRow } from "./evaluation.ts";
import type { EvaluationResult } from "./result.ts";

const percent = (x: number): string => `${(100 * x).toFixed(1)}%`;
const figure = (x: number): string => x.toFixed(4);

export const COLUMNS: readonly [string, (row: EvaluationRow) => string][] = [
  ["ranking", ({ name }) => name],
  ["bytes per item", ({ bytesPerItem }) => (bytesPerItem === null ? "–" : formatCount(bytesPerItem))],
  ["nprobe", ({ nprobe }) => String(nprobe ?? "–")],
  ["scanned", ({ scanned }) => percent(scanned)],
  ["recall@10", ({ recallAt10, margin95 }) => `${figure(recallAt10)} ± ${figure(margin95.recallAt10)}`],
  ["@20", ({ recallAt20 }) => figure(recallAt20)],
  ["@50", ({ recallAt50 }) => figure(recallAt50)],
  ["@100", ({ recallAt100 }) => figure(recallAt100)],
  ["ndcg@10", ({ ndcgAt10 }) => figure(ndcgAt10)],
  ["@100", ({ ndcgAt100 }) => figure(ndcgAt100)],
  ["precision@10", ({ precisionAt10 }) => figure(precisionAt10)],
  ["capped recall@10", ({ cappedRecallAt10 }) => figure(cappedRecallAt10)],
  ["hit@10", ({ hitAt10 }) => figure(hitAt10)],
  ["overlap@10", ({ overlapAt10 }) => overlapAt10?.toFixed(3) ?? "–"],
];

/** The result as a Markdown table with the words that explain it. */
export function formatEvaluation(result: EvaluationResult): string {
  const { queries, heldOut, items, rows, unnamedQueries } = result;
  const sampled = queries < heldOut ? ` of ${formatCount(heldOut)}, spread evenly` : "";
  const columns =
    unnamedQueries === null
      ? COLUMNS
      : [...COLUMNS, ["unnamed", (row: EvaluationRow) => figure(row.recallAt10Unnamed ?? 0)] as const];
  const cells = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, of]) => of(row)))];
  const widths = columns.map((_, c) => Math.max(...cells.map((line) => line[c]!.length)));
  const lines = cells.map(
    (line) =>
      `| ${line.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join(" | ")} |`,
  );
  const rules = widths.map((width, c) => "-".repeat(width + 1) + (c === 0 ? "-" : ":"));
  lines.splice(1, 0, `|${rules.join("|")}|`);
  const are = unnamedQueries === 1 ? "is" : "are";
  const unnamed = `; unnamed: recall@10 over the ${counted(unnamedQueries ?? 0, "query")} that ${are} not, word for `;
  const notes = [...describeHeldOut({ ...result, testQueries: heldOut }), ...describeEmpty(result)];
  return (
    `${counted(queries, "held-out query")}${sampled}, full ranking of ${counted(items, "item")}; means over ` +
    `queries, ± the 95 % interval; overlap: share of dense brute force's top 10` +
    `${unnamedQueries === null ? "" : `${unnamed}word, the text of an item`}\n` +
    `${notes.join("\n")}\n\n${lines.join("\n")}\n`
  );
}

function describeEmpty({ cells = 1, emptyCells = 0 }: EvaluationResult): string[] {
  if (emptyCells === 0) return [];
  const share = percent(emptyCells / cells);
  return [`${formatCount(emptyCells)} of ${formatCount(cells)} cells (${share}) are empty and never visited`];
}
