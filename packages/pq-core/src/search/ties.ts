import { compareIds } from "../format/ids.ts";
import type { Item } from "../format/item-pages.ts";
import type { Ranking } from "../kernel/kernel.ts";
import { TopK } from "../kernel/top-k.ts";

/**
 * The `size` best of (ordinal, score) pairs, and all others that score as the last of them: which of those is wanted
 * is for their ids to say.
 *
 * @param pairs each ordinal once; read twice where there is such a tie
 */
export function takeBest(size: number, pairs: Iterable<readonly [number, number]>): Ranking {
  const best = (k: number): Ranking => {
    const top = new TopK(k);
    for (const [ordinal, score] of pairs) top.push(score, ordinal);
    return top.take();
  };
  const found = best(size + 1);
  const { scores } = found;
  // One more than wanted shows whether there is a tie at all.
  if (scores.length <= size || scores[size] !== scores[size - 1]) return cut(found, size);
  const all = best([...pairs].length);
  let end = size;
  while (all.scores[end] === scores[size]) end++;
  return cut(all, end);
}

/** The first `size` of a ranking, as views. */
export function cut({ ordinals, scores }: Ranking, size: number): Ranking {
  return { ordinals: ordinals.subarray(0, size), scores: scores.subarray(0, size) };
}

/** True when two scores, which descend, are equal. */
export function hasTies(scores: Float32Array): boolean {
  for (let i = 1; i < scores.length; i++) if (scores[i] === scores[i - 1]) return true;
  return false;
}

/**
 * Puts items of equal score into the order of their ids, and keeps k. Inside a cell that is the order of ordinals;
 * ids are read only where such items lie in several cells.
 *
 * @param ranking its own arrays, which are changed: the k best and all that score as the last of them, best first
 */
export async function settleTies(
  ranking: Ranking,
  k: number,
  cellOf: (ordinal: number) => number,
  itemsOf: (ordinals: Uint32Array) => Promise<readonly Item[]>,
): Promise<Ranking> {
  const { ordinals, scores } = ranking;
  for (let start = 0, end = 1; start < k && end <= scores.length; end++) {
    if (scores[end] === scores[start]) continue;
    if (end - start > 1) {
      const run = ordinals.subarray(start, end).sort();
      if (cellOf(run[0]!) !== cellOf(run.at(-1)!)) {
        const items = await itemsOf(run);
        const order = [...run.keys()].sort((a, b) => compareIds(items[a]!.id, items[b]!.id));
        run.set(order.map((i) => run[i]!));
      }
    }
    start = end;
  }
  return cut(ranking, k);
}

/** True when item k, the first that is one too many, scores as the last of the k. */
export function isCutTie(scores: Float32Array, k: number): boolean {
  return scores.length > k && scores[k] === scores[k - 1];
}
