import { itemNumbers } from "../../data/item-texts.ts";
import { EmbeddingTable } from "../embedding-table.ts";
import type { ItemInputModule } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/** Number columns of an item: a row for each column, counted as often as the item's standard score says. */
export const itemNumber: ItemInputModule = {
  create({ dataset, dim, table: init }) {
    if (!dataset.itemNumbers) return undefined;
    const { columns, values } = dataset.itemNumbers;
    const table = new EmbeddingTable(columns.length, dim, init);
    const rows = new WeightedRows();
    return {
      learned: { number: table },
      read(items) {
        const lists = rows.take(items.length, (i) => {
          for (let row = 0; row < columns.length; row++) rows.push(row, values[items[i]! * columns.length + row]!);
        });
        return [{ source: table, lists }];
      },
      weights: () => ({ kind: "number", columns, rows: table.rows }),
    };
  },
  content: (items, config, item) => ({
    numbers: Object.fromEntries(config.items.inputs.map((name) => [name, itemNumbers(items, name)[item]!])),
  }),
};
