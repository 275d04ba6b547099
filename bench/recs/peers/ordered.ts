import { type Csr, invert, listOf } from "@poeem/training/data/csr";
import { topUnseen } from "@poeem/training/rank/top-items";
import { K, type Queries } from "../task.ts";
import { pairPeer } from "./pairs.ts";

/** Settings of ordered co-occurrence; `source` is the item that came first, `target` what followed. */
export type OrderedSettings = {
  /** An item `gap` places further on counts decay^(gap − 1). */
  readonly decay: number;
  /** What counts of it the other way round. */
  readonly backward: number;
  /** Largest gap. */
  readonly window: number;
  /** W is divided by (sum of the source's row)^source · (sum of the target's column)^target. */
  readonly source: number;
  readonly target: number;
  /** The newest item of a history counts 1, the one before it `recency`, the one before that recency², … */
  readonly recency: number;
};

export const ORDERED = pairPeer<OrderedSettings, Followers>({
  name: "ordered",
  skipped: ({ ordered }) => (ordered ? undefined : "events have no order"),
  grid: {
    decay: [0.4, 0.6, 0.7, 0.8, 0.9, 1],
    backward: [0, 0.1, 0.2, 0.3, 0.5, 0.7, 1],
    window: [2, 4, 8, 16, 32],
    source: [0, 0.25, 0.5, 0.75, 1],
    target: [0, 0.125, 0.25, 0.375, 0.5],
    recency: [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
  },
  start: { decay: 0.8, backward: 0.3, window: 8, source: 0.5, target: 0.25, recency: 0.6 },
  chosen: "ordered co-occurrence",
  learn: followers,
  rank: (table, queries, { recency }) => rankByFollowers(table, queries, recency),
  pairs: ({ values }) => values.length,
});

/** W[source, target], a row for each source. */
export interface Followers extends Csr {
  readonly weights: Float32Array;
}

/**
 * W[i, j] = Σ over the places at which j follows i within the window, in the list of a user with n items, of
 * decay^(gap − 1) / √n, and `backward` of that where j comes before i; rows and columns normalised.
 *
 * @param lists items of each user, oldest first
 */
export function followers(lists: Csr, numItems: number, settings: OrderedSettings): Followers {
  const { decay, backward, window, source, target } = settings;
  const places = invert(lists, numItems);
  const row = new Float64Array(numItems);
  const offsets = new Uint32Array(numItems + 1);
  const items: number[] = [];
  const sums: number[] = [];
  const rowSums = new Float64Array(numItems);
  const columnSums = new Float64Array(numItems);
  for (let item = 0; item < numItems; item++) {
    const met: number[] = [];
    for (let at = places.offsets[item]!; at < places.offsets[item + 1]!; at++) {
      const user = places.values[at]!;
      const [from, to] = [lists.offsets[user]!, lists.offsets[user + 1]!];
      const place = places.positions[at]!;
      const share = 1 / Math.sqrt(to - from);
      for (let other = Math.max(from, place - window); other < Math.min(to, place + window + 1); other++) {
        const gap = Math.abs(other - place);
        const weight = gap === 0 ? 0 : share * decay ** (gap - 1) * (other > place ? 1 : backward);
        const follower = lists.values[other]!;
        if (weight === 0 || follower === item) continue;
        if (row[follower] === 0) met.push(follower);
        row[follower]! += weight;
      }
    }
    for (const follower of met) {
      items.push(follower);
      sums.push(row[follower]!);
      rowSums[item]! += row[follower]!;
      columnSums[follower]! += row[follower]!;
      row[follower] = 0;
    }
    offsets[item + 1] = items.length;
  }
  const weights = new Float32Array(items.length);
  for (let item = 0; item < numItems; item++) {
    for (let at = offsets[item]!; at < offsets[item + 1]!; at++) {
      weights[at] = sums[at]! / (rowSums[item]! ** source * columnSums[items[at]!]! ** target);
    }
  }
  return { offsets, values: Uint32Array.from(items), weights };
}

/** Ranks by Σ over a history's items of recency^rank · W[item, ·], rank 0 the newest, the history left out. */
export function rankByFollowers(
  table: Followers,
  { count, histories }: Pick<Queries, "count" | "histories">,
  recency: number,
): Uint32Array[] {
  const scores = new Float32Array(table.offsets.length - 1);
  return Array.from({ length: count }, (_, query) => {
    scores.fill(0);
    const history = listOf(histories, query);
    for (const [place, item] of history.entries()) {
      const weight = recency ** (history.length - 1 - place);
      for (let at = table.offsets[item]!; at < table.offsets[item + 1]!; at++)
        scores[table.values[at]!]! += weight * table.weights[at]!;
    }
    return topUnseen(scores, history, K);
  });
}
