import type { Index, ItemId } from "@poeem/pq-core";
import type { ItemWords } from "@poeem/pq-core/words";
import type { TrainedItemTower } from "../artifact/item-tower-file.ts";
import type { ItemTable } from "../data/types.ts";
import { type WordStatistics, wordsByStatistics } from "../words/item-words.ts";
import { queriesById } from "../words/queries.ts";

/** Words of new and changed items, by the statistics of the training. */
export interface ChangedWords {
  /**
   * Words of items, the queries that led to them in training included; undefined for an index without words.
   * @param items undefined for items that are no more than an id
   */
  of(ids: readonly ItemId[], items: ItemTable | undefined): ItemWords | undefined;
  /** How many of these items lose their training queries, because the file with these is not there. */
  lost(ids: readonly ItemId[]): Promise<number>;
}

export function changedWords(index: Index, tower: TrainedItemTower | undefined): ChangedWords {
  const hasWords = index.manifest.words !== undefined;
  const statistics = statisticsOf(index.manifest.training);
  const queriesOf = tower?.queries && queriesById(tower.queries);
  return {
    of(ids, items) {
      if (!hasWords) return undefined;
      const texts = ids.map(String);
      return wordsByStatistics({ ids: texts, items, queries: items && queriesOf?.(texts) }, statistics);
    },
    async lost(ids) {
      if (!hasWords || queriesOf !== undefined || statistics.queries === undefined) return 0;
      return (await index.ordinals(ids)).filter((ordinal) => ordinal >= 0).length;
    },
  };
}

/** What the training recorded; an index that was not trained has no fields. */
const statisticsOf = (training: unknown): WordStatistics =>
  (training as { words?: WordStatistics } | undefined)?.words ?? { columns: [] };
