import { type Csr, invert, listOf } from "../data/csr.ts";
import { topUnseen } from "../rank/top-items.ts";

/** Row j, at offsets[j] … offsets[j + 1] − 1: the items that have j among their nearest, and similarities. */
export interface ItemNeighbours {
  readonly offsets: Uint32Array;
  readonly items: Uint32Array;
  readonly similarities: Float32Array;
}

/** Neighbours an item keeps; what the goodbooks baseline uses. */
export const NEIGHBOURS = 200;

/**
 * Item-to-item similarity by cosine of the binary user columns, cos(i, j) = |users of both| / √(|users of i| ·
 * |users of j|) (Sarwar et al., WWW 2001), of which each item i keeps its `size` nearest, ties by smaller number.
 * Counted row by row over an inverted file, so that memory is one row and time is Σ over users of their events
 * squared.
 *
 * @param lists items of each user, without repeats
 * @param similarity another one than the cosine, of the users of both, of i and of j
 */
export function itemNeighbours(
  lists: Csr,
  numItems: number,
  size = NEIGHBOURS,
  similarity?: (both: number, ofItem: number, ofOther: number) => number,
): ItemNeighbours {
  const users = invert(lists, numItems);
  const inverseNorm = Float64Array.from({ length: numItems }, (_, item) => 1 / Math.sqrt(listOf(users, item).length));
  const offsets = new Uint32Array(numItems + 1);
  const nearest = new Uint32Array(numItems * Math.min(size, numItems));
  const similarities = new Float32Array(nearest.length);
  const counts = new Uint32Array(numItems);
  const touched = new Uint32Array(numItems);
  for (let item = 0; item < numItems; item++) {
    let met = 0;
    for (const user of listOf(users, item)) {
      for (let at = lists.offsets[user]!; at < lists.offsets[user + 1]!; at++) {
        const other = lists.values[at]!;
        if (counts[other]!++ === 0) touched[met++] = other;
      }
    }
    const from = offsets[item]!;
    let kept = 0;
    for (let i = 0; i < met; i++) {
      const other = touched[i]!;
      if (other !== item) {
        const value = similarity
          ? similarity(counts[other]!, listOf(users, item).length, listOf(users, other).length)
          : counts[other]! * inverseNorm[item]! * inverseNorm[other]!;
        kept = insert(nearest, similarities, from, kept, size, other, Math.fround(value));
      }
      counts[other] = 0;
    }
    offsets[item + 1] = from + kept;
  }
  const inverse = invert({ offsets, values: nearest.subarray(0, offsets[numItems]) }, numItems);
  return {
    offsets: inverse.offsets,
    items: inverse.values,
    similarities: Float32Array.from(inverse.positions, (position) => similarities[position]!),
  };
}

/** Puts one item into a sorted row that keeps the `size` most similar; returns how many it has. */
function insert(
  items: Uint32Array,
  similarities: Float32Array,
  from: number,
  kept: number,
  size: number,
  item: number,
  similarity: number,
): number {
  const behind = (at: number): boolean =>
    similarities[at]! < similarity || (similarities[at] === similarity && items[at]! > item);
  if (kept === size && !behind(from + size - 1)) return kept;
  let at = from + Math.min(kept, size - 1);
  for (; at > from && behind(at - 1); at--) {
    items[at] = items[at - 1]!;
    similarities[at] = similarities[at - 1]!;
  }
  items[at] = item;
  similarities[at] = similarity;
  return Math.min(kept + 1, size);
}

/**
 * Ranks by the summed similarity to the items of a history: score(i) = Σ over the j of the history among the nearest
 * of i of cos(i, j). Items without a neighbour in it follow by smaller number. Without a history there is no ranking.
 *
 * @param leftOut items of each query that are left out
 */
export function rankByNeighbours(
  neighbours: ItemNeighbours,
  histories: Csr,
  k: number,
  leftOut = histories,
): Uint32Array[] {
  const { offsets, items, similarities } = neighbours;
  const scores = new Float32Array(offsets.length - 1);
  return Array.from({ length: histories.offsets.length - 1 }, (_, query) => {
    scores.fill(0);
    const history = listOf(histories, query);
    if (history.length === 0) return new Uint32Array(0);
    for (const item of history) {
      for (let at = offsets[item]!; at < offsets[item + 1]!; at++) scores[items[at]!]! += similarities[at]!;
    }
    return topUnseen(scores, listOf(leftOut, query), k);
  });
}
