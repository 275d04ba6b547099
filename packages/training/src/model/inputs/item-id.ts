import { isKnownByText } from "../../data/own-sentences.ts";
import { EmbeddingTable } from "../embedding-table.ts";
import type { ItemInputModule } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/**
 * A row for each item, but for those that are known by their text alone. What it learned is published with what the
 * other inputs remember, by `knownItems`.
 */
export const itemId: ItemInputModule = {
  create({ dataset, dim, table: init, start }) {
    const table = new EmbeddingTable(dataset.ids.length, dim, init);
    if (start) table.rows.set(start);
    const rows = new WeightedRows();
    const hasRow = Uint8Array.from(dataset.ids, (_, item) => (isKnownByText(dataset, item) ? 0 : 1));
    return {
      learned: { id: table },
      add: (items, out, reading) =>
        rows.addTo(table, out, items.length, (i) => {
          if (hasRow[items[i]!] && !reading?.asNew?.[i]) rows.push(items[i]!, 1);
        }),
      weights: () => undefined,
      remember(out) {
        for (let i = 0; i < out.length; i++) if (hasRow[Math.floor(i / dim)]) out[i]! += table.rows[i]!;
      },
    };
  },
};
