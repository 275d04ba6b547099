import { counted } from "@poeem/offline/progress";
import type { Index, ItemId } from "@poeem/pq-core";
import type { ItemWords } from "@poeem/pq-core/words";
import { ITEM_TOWER_FILE, type TrainedItemTower } from "../artifact/item-tower-file.ts";
import type { ItemTable } from "../data/types.ts";
import { type WordStatistics, wordsByStatistics } from "../words/item-words.ts";
import { queriesOfIds } from "../words/queries.ts";

/**
 * Words of new and changed items, for an index that has words: by the statistics of its training, the queries that led
 * to an item then included.
 *
 * @param items undefined for items that are no more than an id
 * @param say told when changed items lose their training queries, because the file with these is not there
 */
export async function changedWords(
  index: Index,
  ids: readonly ItemId[],
  items: ItemTable | undefined,
  tower: TrainedItemTower | undefined,
  say: (line: string) => void,
): Promise<{ readonly words?: ItemWords }> {
  if (index.manifest.words === undefined) return {};
  const statistics = statisticsOf(index.manifest.training);
  const texts = ids.map(String);
  const queries = items && tower?.queries && queriesOfIds(tower.queries, texts);
  if (items !== undefined && queries === undefined && statistics.queries !== undefined) {
    const changed = (await index.ordinals(ids)).filter((ordinal) => ordinal >= 0).length;
    const verb = changed === 1 ? "loses the words of its" : "lose the words of their";
    if (changed > 0) say(`without ${ITEM_TOWER_FILE}, ${counted(changed, "changed item")} ${verb} training queries`);
  }
  return { words: wordsByStatistics({ ids: texts, items, queries }, statistics) };
}

/** What the training recorded; an index that was not trained has no fields. */
const statisticsOf = (training: unknown): WordStatistics =>
  (training as { words?: WordStatistics } | undefined)?.words ?? { columns: [] };
