import type { ItemId } from "@poeem/pq-core";
import type { Mode } from "@poeem/pq-core/words";
import type { Question, Searched } from "@poeem/towers";
import { listOf } from "../data/csr.ts";
import { askOnce } from "./ask.ts";
import { type IndexRanking, itemNumbers } from "./index-rank.ts";

/** How questions are asked of both sides. */
interface AnswerRanking extends IndexRanking {
  readonly mode: Mode;
}

/**
 * Asks questions as a person would ask the Worker, words and codes together.
 *
 * @param questions by query number; undefined for one that is not asked
 * @returns item numbers of each question's top k, best first (none where nothing is known of it or nothing is asked),
 *   and the mean share of items whose codes were scanned
 */
export async function rankWithAnswers(
  searched: Searched,
  questions: readonly (Question<ItemId> | undefined)[],
  ranking: AnswerRanking,
): Promise<{ ranked: Uint32Array[]; scanned: number }> {
  const { ids, k, nprobe, seen, mode, onQuery } = ranking;
  const { index } = searched;
  const { numItems } = index.manifest;
  const itemOf = await itemNumbers(index, ids);
  const ranked: Uint32Array[] = [];
  let codesScanned = 0;
  let searches = 0;
  for (const [query, question] of questions.entries()) {
    const exclude = Array.from(listOf(seen, query), (item) => ids[item]!);
    const found = question && (await askOnce(searched, question, { k, nprobe, exclude, mode }));
    ranked.push(found ? found.ordinals.map((ordinal) => itemOf[ordinal]!) : new Uint32Array(0));
    if (question === undefined) continue;
    // of an item that both sides found the code is read twice
    codesScanned += Math.min(found?.codesScanned ?? 0, numItems);
    onQuery?.(++searches);
  }
  return { ranked, scanned: codesScanned / Math.max(1, searches) / numItems };
}
