import type { Index } from "@poeem/pq-core";
import type { ItemWords } from "@poeem/pq-core/words";
import type { TrainedItemTower } from "../artifact/item-tower-file.ts";
import type { ItemTable } from "../data/types.ts";
import { type WordStatistics, wordsByStatistics } from "../words/item-words.ts";
import { queriesOfIds } from "../words/queries.ts";

/**
 * Words of new and changed items, for an index that has words: by the statistics of its training, the queries that led
 * to an item then included.
 *
 * @param items undefined for items that are no more than an id
 */
export function changedWords(
  { manifest }: Index,
  ids: readonly string[],
  items: ItemTable | undefined,
  tower: TrainedItemTower | undefined,
): { readonly words?: ItemWords } {
  if (manifest.words === undefined) return {};
  const queries = items && tower?.queries && queriesOfIds(tower.queries, ids);
  return { words: wordsByStatistics({ ids, items, queries }, statisticsOf(manifest.training)) };
}

/** What the training recorded; an index that was not trained has no fields. */
const statisticsOf = (training: unknown): WordStatistics =>
  (training as { words?: WordStatistics } | undefined)?.words ?? { columns: [] };
