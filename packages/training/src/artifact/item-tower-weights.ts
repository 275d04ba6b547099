import type { QueryMoments } from "@poeem/pq-core/write";
import type { QueryTowerWeights } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { listOf } from "../data/csr.ts";
import type { Dataset } from "../data/dataset.ts";
import { categoryRows } from "../data/item-features.ts";
import type { RawData } from "../data/load.ts";
import type { TwoTower } from "../model/two-tower.ts";
import type { ItemTowerWeights } from "./item-tower.ts";

/** Takes what the item tower computes with out of a trained model. */
export async function itemTowerWeights(
  model: TwoTower,
  config: PoeemConfig,
  raw: Pick<RawData, "items">,
  dataset: Dataset,
  { table, tokenizer }: Pick<QueryTowerWeights, "table" | "tokenizer">,
  moments?: QueryMoments,
): Promise<ItemTowerWeights> {
  const { dim } = model;
  const known = model.id.rows.slice();
  // After the text of the columns, if any, come the training queries.
  const fromEvents = config.items.textFromEvents ? dataset.itemTexts.at(-1) : undefined;
  if (fromEvents !== undefined) {
    for (let item = 0; item < dataset.ids.length; item++) {
      const rows = listOf(fromEvents, item);
      for (const row of rows) model.text.addRow(row, 1 / rows.length, known, item * dim);
    }
  }
  const { itemNumbers } = dataset;
  return {
    dim,
    text: table,
    tokenizer,
    categories: categoryRows(raw.items, config.items.categories).names,
    categoryRows: model.category.rows,
    numbers: itemNumbers && {
      names: itemNumbers.names,
      means: itemNumbers.means,
      deviations: itemNumbers.deviations,
    },
    numberRows: model.number?.rows ?? new Float32Array(0),
    layers: await model.item.dense(),
    ids: [...dataset.ids],
    known,
    moments,
  };
}
