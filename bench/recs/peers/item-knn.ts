import type { Csr } from "@poeem/training/data/csr";
import { type ItemNeighbours, itemNeighbours, rankByNeighbours } from "@poeem/training/evaluate/item-knn";
import { K } from "../task.ts";
import { pairPeer } from "./pairs.ts";

export type Settings = {
  /** Nearest items that each item keeps. */
  readonly neighbours: number;
  /** Added to the denominator: pairs that few users have count for less. */
  readonly shrink: number;
  /**
   * What the users of both are divided by: n_i^power · n_j^(1 − power), i the item that is ranked; ½ is the cosine.
   */
  readonly power: number;
};

/** The untuned one is what `poeem evaluate` has. */
export const ITEM_KNN = pairPeer<Settings, ItemNeighbours>({
  name: "item-knn",
  grid: {
    neighbours: [20, 50, 100, 200, 400, 800],
    shrink: [0, 1, 3, 10, 30, 100, 300],
    power: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
  },
  start: { neighbours: 200, shrink: 0, power: 0.5 },
  first: "item-kNN (cosine, 200)",
  chosen: "item-kNN (tuned)",
  learn: neighboursOf,
  rank: (neighbours, { histories }) => rankByNeighbours(neighbours, histories, K),
  pairs: ({ items }) => items.length,
});

/** The neighbours by these settings. */
export function neighboursOf(fit: Csr, numItems: number, settings: Settings): ItemNeighbours {
  const { neighbours, shrink, power } = settings;
  const similarity = (both: number, ofItem: number, ofOther: number): number =>
    both / (ofItem ** power * ofOther ** (1 - power) + shrink);
  const isCosine = shrink === 0 && power === 0.5;
  return itemNeighbours(fit, numItems, neighbours, isCosine ? undefined : similarity);
}
