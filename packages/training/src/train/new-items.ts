import type { Random } from "@poeem/indexing-layer";
import type { PoeemConfig } from "../config.ts";
import { listOf } from "../data/csr.ts";
import type { Dataset } from "../data/types.ts";

/**
 * Which items of a step are read as if they were new ones (`training.itemDropout`): without what was learned of them
 * alone, their id rows and training queries. So a step teaches what their content says, and those that come later,
 * which have nothing else, are found among those that have.
 */
export class NewItems {
  readonly #share: number;
  /** 1 for items that would have nothing left: they are always read whole. */
  readonly #isBare: Uint8Array;

  constructor({ training, items: { text } }: Pick<PoeemConfig, "training" | "items">, dataset: Dataset) {
    const { itemTexts, itemCategories, itemNumbers, items, ids } = dataset;
    this.#share = training.itemDropout;
    const lists = [itemCategories, ...(text.length > 0 ? itemTexts.slice(0, 1) : [])];
    const hasAlways = itemNumbers !== undefined || items.vectors.size > 0;
    this.#isBare = Uint8Array.from({ length: ids.length }, (_, item) =>
      Number(!hasAlways && lists.every((list) => listOf(list, item).length === 0)),
    );
  }

  /** 1 for each item that is read as a new one; undefined where none ever is. */
  draw(items: ArrayLike<number>, random: Random): Uint8Array | undefined {
    if (this.#share === 0) return undefined;
    const drawn = new Uint8Array(items.length);
    for (let i = 0; i < drawn.length; i++)
      drawn[i] = Number(random.uniform() < this.#share && this.#isBare[items[i]!] === 0);
    return drawn;
  }
}
