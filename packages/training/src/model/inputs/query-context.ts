import { listOf } from "../../data/csr.ts";
import { EmbeddingTable } from "../embedding-table.ts";
import type { QueryInputFactory } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/** The moment of a query: the sum of the rows of its context values. */
export const queryContext: QueryInputFactory = ({ dataset, dim, table: init }) => {
  const { contextNames: names, eventContext } = dataset;
  if (names.length === 0) return undefined;
  const table = new EmbeddingTable(names.length, dim, init);
  const rows = new WeightedRows();
  return {
    learned: { context: table },
    read(batch) {
      const [lists, of] = "events" in batch ? [eventContext, batch.events] : [batch.set.contexts, batch.numbers];
      const read = rows.take(of.length, (i) => {
        if (lists) for (const row of listOf(lists, of[i]!)) rows.push(row, 1);
      });
      return [{ source: table, lists: read }];
    },
    weights: () => ({ kind: "context", names, rows: table.rows }),
  };
};
