import { listOf } from "../../data/csr.ts";
import { categoriesOf } from "../../data/item-features.ts";
import { EmbeddingTable } from "../embedding-table.ts";
import type { ItemInputModule } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/** The categories of an item: the sum of their rows. */
export const itemCategory: ItemInputModule = {
  create({ dataset, dim, table: init, start }) {
    const { itemCategories, categoryNames: names } = dataset;
    const table = new EmbeddingTable(Math.max(1, names.length), dim, init);
    // where ids have a start, that says all that is known so far of where an item lies
    if (start) table.rows.fill(0);
    const rows = new WeightedRows();
    return {
      learned: { category: table },
      read(items) {
        const lists = rows.take(items.length, (i) => {
          for (const row of listOf(itemCategories, items[i]!)) rows.push(row, 1);
        });
        return [{ source: table, lists }];
      },
      weights: () => (names.length > 0 ? { kind: "category", names, rows: table.rows } : undefined),
    };
  },
  content: (items, config, item) => ({ categories: categoriesOf(items, config.items.categories, item) }),
};
