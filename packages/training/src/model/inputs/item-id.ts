import { EmbeddingTable } from "../embedding-table.ts";
import type { ItemInputModule } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/** A row for each item. What it learned is published with what the other inputs remember, by `knownItems`. */
export const itemId: ItemInputModule = {
  create({ dataset, dim, table: init, start }) {
    const table = new EmbeddingTable(dataset.ids.length, dim, init);
    if (start) table.rows.set(start);
    const rows = new WeightedRows();
    return {
      learned: { id: table },
      add: (items, out) => rows.addTo(table, out, items.length, (i) => rows.push(items[i]!, 1)),
      weights: () => undefined,
      remember(out) {
        for (let i = 0; i < out.length; i++) out[i]! += table.rows[i]!;
      },
    };
  },
};
