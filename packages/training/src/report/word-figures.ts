import { formatCount } from "@poeem/offline/progress";
import type { WordSummary } from "../artifact/word-summary.ts";
import { lambdaOf, type WeightsChoice } from "../words/weights.ts";
import { baseAxis, type Figure, line, SERIES, shareAxis, type Table } from "./chart.ts";
import { formatFigure } from "./format.ts";

const name = (lambda: number): string =>
  lambda === Infinity ? "codes alone" : lambda === 0 ? "words alone" : `${lambda}`;

/** What each weight of codes beside words found of the validation queries; none where there were too few. */
export function wordFigures({ queries, tried, ...chosen }: WeightsChoice): Figure[] {
  if (tried.length === 0) return [];
  const best = lambdaOf(chosen);
  const found = tried.find((one) => lambdaOf(one) === best)!;
  const curves = [
    { title: "recall@10", color: SERIES[0], mark: "line", value: "recallAt10" },
    { title: "nDCG@10", color: SERIES[1], mark: "dashed", value: "ndcgAt10" },
  ] as const;
  return [
    {
      id: "weights",
      title: "Codes beside words",
      description:
        `Weight of codes where words count 1, over ${formatCount(queries)} validation queries that nothing was ` +
        `learned from. The best sum of both, ${formatFigure(found.recallAt10)} and ${formatFigure(found.ndcgAt10)}, ` +
        `is at ${name(best)}: a search has this weight.`,
      legend: curves.map(({ title, color, mark }) => ({ name: title, color, mark })),
      option: (narrow) => ({
        xAxis: baseAxis("weight of codes", {
          type: "category",
          data: tried.map((one) => (narrow ? name(lambdaOf(one)).replace(" ", "\n") : name(lambdaOf(one)))),
        }),
        yAxis: shareAxis({ scale: true }),
        series: curves.map(({ color, mark, value }) =>
          line(
            tried.map((one) => one[value]),
            color,
            { width: 2, type: mark === "line" ? "solid" : mark },
            { symbol: "circle", symbolSize: 6 },
          ),
        ),
      }),
      table: {
        columns: ["Weight of codes", "recall@10", "nDCG@10"],
        rows: tried.map((one) => [name(lambdaOf(one)), formatFigure(one.recallAt10), formatFigure(one.ndcgAt10)]),
      },
    },
  ];
}

/** How much the words are, and what they count for. */
export function wordTable(summary: WordSummary): Table & { readonly title: string } {
  const { rules, terms, postings, dense, words, near } = summary;
  const rows = [
    ["terms", formatCount(terms)],
    ["postings", formatCount(postings)],
    ["bytes of postings per item", summary.postingBytesPerItem.toFixed(1)],
    ["bytes of vocabulary and names per item", summary.vocabularyBytesPerItem.toFixed(1)],
    ["rules of the terms", String(rules)],
    ["weight of codes", String(dense)],
    ["weight of words", String(words)],
  ];
  if (near)
    rows.push(
      ["score by codes that nonsense gets", formatFigure(near[0])],
      ["usual best score of a query", formatFigure(near[1])],
    );
  return { title: "Words", columns: ["Name", "Value"], rows };
}
