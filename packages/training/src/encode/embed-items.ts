import { UserError } from "@poeem/offline/errors";
import { createItemTower, type ItemTowerWeights } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import type { ItemTable } from "../data/types.ts";
import { itemEmbedder as embedderOf } from "../model/item-embedder.ts";

/** Vectors of items. */
export interface EmbeddedItems {
  /** (ids.length, dim) */
  readonly vectors: Float32Array;
  /** Places of the items of which the tower knows nothing: no word, category, number or id. Theirs are zeros. */
  readonly nothingKnown: readonly number[];
}

/**
 * Columns of vectors are as long as those that the tower was trained with.
 * @param source of the items, in errors
 * @throws UserError naming the column
 */
export function checkLengths(source: string, { inputs }: ItemTowerWeights, { vectors }: ItemTable): void {
  for (const { name, length } of inputs.flatMap((input) => (input.kind === "embedding" ? input.columns : []))) {
    const got = vectors.get(name)?.length;
    if (got !== undefined && got !== length)
      throw new UserError(
        `${source}: expected vectors of ${length} numbers in column ${name} (items.embeddings), those of the index, ` +
          `got ${got}`,
      );
  }
}

/** Embeds items by their ids and columns. */
export type ItemEmbedder = (ids: readonly string[], items: ItemTable) => EmbeddedItems;

/**
 * Embeds items as the trainer's item tower does. An item that it was trained with keeps what was learned of it alone
 * (its id row or rows, its training queries) and takes its content from the given columns. A new one has its content
 * only, whatever rows its id would lead to.
 */
export function itemEmbedder(weights: ItemTowerWeights, config: Pick<PoeemConfig, "items">): ItemEmbedder {
  const tower = createItemTower(weights);
  return (ids, items) => {
    const embed = embedderOf(tower, config, items);
    const vectors = new Float32Array(ids.length * tower.dim);
    const nothingKnown: number[] = [];
    for (const [i, id] of ids.entries()) {
      const vector = embed(i, id);
      if (vector === undefined) nothingKnown.push(i);
      else vectors.set(vector, i * tower.dim);
    }
    return { vectors, nothingKnown };
  };
}
