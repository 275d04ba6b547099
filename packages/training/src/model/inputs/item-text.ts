import type { Random } from "@poeem/indexing-layer";
import { type Csr, listOf } from "../../data/csr.ts";
import { MAX_ITEM_CHARS, readsQueries } from "../../data/dataset.ts";
import { textOfItem } from "../../data/item-texts.ts";
import type { ItemInputModule } from "./input.ts";
import { WeightedRows } from "./weighted-rows.ts";

/**
 * The words of an item: for each kind of text (columns, training queries) the mean of its rows. In training at most
 * `model.itemFeatures` of them are read, drawn at random.
 */
export const itemText: ItemInputModule = {
  create({ config, dataset, dim, text }) {
    const { itemTexts } = dataset;
    const { itemFeatures } = config.model;
    const hasColumns = config.items.text.length > 0;
    // after the text of the columns, if any, come the training queries
    const fromEvents = readsQueries(config, dataset) ? itemTexts.at(-1) : undefined;
    const rows = new WeightedRows();
    return {
      learned: { text: text.rows },
      add: (items, out, random) =>
        rows.addTo(text.rows, out, items.length, (i) => {
          for (const lists of itemTexts) rows.pushMean(sampled(lists, items[i]!, itemFeatures, random));
        }),
      weights: () =>
        hasColumns
          ? {
              kind: "text",
              tokenizer: { ...text.tokenizer, maxChars: MAX_ITEM_CHARS },
              table: text.table(),
              // its own text stands for the training queries that a new item cannot have: in the symbols example that
              // finds 500 items encoded as new ones with recall@10 .35 instead of .21 (.42 as trained)
              ...(fromEvents && { weightOfNew: 2 }),
            }
          : undefined,
      remember(out) {
        if (!fromEvents) return;
        for (let item = 0; item < out.length / dim; item++) {
          const list = listOf(fromEvents, item);
          for (const row of list) text.rows.addRow(row, 1 / list.length, out, item * dim);
        }
      },
    };
  },
  content: (items, config, item) =>
    config.items.text.length > 0 ? { text: textOfItem(items, config.items.text, item) } : {},
};

function sampled(lists: Csr, item: number, most: number, random: Random | undefined): Uint32Array {
  const rows = listOf(lists, item);
  if (!random || rows.length <= most) return rows;
  return Uint32Array.from({ length: most }, () => rows[random.integer(rows.length)]!);
}
