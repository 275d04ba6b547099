import { textFeatures } from "@poeem/towers";
import { listOf } from "../../data/csr.ts";
import { knownRows } from "../../data/vocabulary.ts";
import type { QueryInputFactory } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/** The text of a query: the mean of the rows of its words and n-grams. */
export const queryText: QueryInputFactory = ({ dataset, text }) => {
  const { queryRows, eventQuery } = dataset;
  const { tokenizer, vocabulary } = text;
  const rows = new WeightedRows();
  return {
    learned: { text: text.rows },
    read(batch) {
      if ("events" in batch) {
        const { events } = batch;
        const lists = rows.take(events.length, (i) => rows.pushMean(listOf(queryRows, eventQuery[events[i]!]!)));
        return [{ source: text.rows, lists }];
      }
      const { set, numbers } = batch;
      const lists = rows.take(numbers.length, (i) => {
        const query = set.texts[numbers[i]!];
        if (query !== undefined) rows.pushMean(knownRows(textFeatures(query, tokenizer), vocabulary));
      });
      return [{ source: text.rows, lists }];
    },
    weights: () => (vocabulary.length > 0 ? { kind: "text", tokenizer, table: text.table() } : undefined),
  };
};
