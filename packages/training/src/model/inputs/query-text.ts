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
    add(batch, out) {
      if ("events" in batch) {
        const { events } = batch;
        return rows.addTo(text.rows, out, events.length, (i) =>
          rows.pushMean(listOf(queryRows, eventQuery[events[i]!]!)),
        );
      }
      const { set, numbers } = batch;
      return rows.addTo(text.rows, out, numbers.length, (i) => {
        const query = set.texts[numbers[i]!];
        if (query !== undefined) rows.pushMean(knownRows(textFeatures(query, tokenizer), vocabulary));
      });
    },
    weights: () => (vocabulary.length > 0 ? { kind: "text", tokenizer, table: text.table() } : undefined),
  };
};
