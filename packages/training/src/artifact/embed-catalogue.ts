import type { Tick } from "@poeem/offline/progress";
import { createItemTower } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import type { Catalogue } from "../data/types.ts";
import { itemEmbedder } from "../model/item-embedder.ts";
import type { TwoTower } from "../model/two-tower.ts";

const SLICE = 4096;

/**
 * Vectors of all items of a catalogue of which some were trained on, (count, dim), by the item tower as it is
 * published: what `poeem encode` would make of each. So the index is the same whether an item is in it from the start
 * or comes later. What is read of an item to embed it is forgotten with the item.
 *
 * @param say told how many items the tower knows nothing of
 */
export async function embedCatalogue(
  model: TwoTower,
  config: Pick<PoeemConfig, "items">,
  { ids, items }: Pick<Catalogue, "ids" | "items">,
  say: (line: string) => void,
  tick?: Tick,
): Promise<Float32Array> {
  const embed = itemEmbedder(createItemTower(await model.itemTower()), config, items);
  const vectors = new Float32Array(ids.length * model.dim);
  let nothingKnown = 0;
  let item = 0;
  for (const id of ids) {
    const vector = embed(item, id);
    if (vector === undefined) nothingKnown++;
    else vectors.set(vector, item * model.dim);
    item++;
    if (item % SLICE === 0) await tick?.(item);
  }
  await tick?.(item);
  if (nothingKnown > 0) {
    const some = nothingKnown === 1 ? "1 item has" : `${nothingKnown} items have`;
    say(`${some} no word, category or number that the item tower knows: codes say nothing of what they are`);
  }
  return vectors;
}
