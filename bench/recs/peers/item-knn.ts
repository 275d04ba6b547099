import type { Csr } from "@poeem/training/data/csr";
import { type ItemNeighbours, itemNeighbours, rankByNeighbours } from "@poeem/training/evaluate/item-knn";
import { choose, type Grid } from "../choose.ts";
import { K } from "../task.ts";
import type { Peer, Ranked } from "./peer.ts";

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

const GRID: Grid<Settings> = {
  neighbours: [20, 50, 100, 200, 400, 800],
  shrink: [0, 1, 3, 10, 30, 100, 300],
  power: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
};
const START: Settings = { neighbours: 200, shrink: 0, power: 0.5 };

/** The untuned one is what `poeem evaluate` has. */
export const ITEM_KNN: Peer = {
  name: "item-knn",
  seeded: false,
  async *rank({ fit, fitAll, numItems, validation, test, score }, { say }) {
    yield tested("item-kNN (cosine, 200)", START);
    const chosen = await choose(GRID, START, (settings) =>
      score(rankByNeighbours(neighboursOf(fit, numItems, settings), validation.histories, K)),
    );
    say(`item-kNN: ${JSON.stringify(chosen.settings)} of ${chosen.tried}, validation ${chosen.score.toFixed(4)}`);
    yield tested("item-kNN (tuned)", chosen.settings);

    function tested(method: string, settings: Settings): Ranked {
      const neighbours = neighboursOf(fitAll, numItems, settings);
      return {
        ...{ method, settings, ranked: rankByNeighbours(neighbours, test.histories, K) },
        // a number and a similarity for each neighbour
        bytesPerItem: (8 * neighbours.items.length) / numItems,
      };
    }
  },
};

/** The neighbours by these settings. */
export function neighboursOf(fit: Csr, numItems: number, settings: Settings): ItemNeighbours {
  const { neighbours, shrink, power } = settings;
  const similarity = (both: number, ofItem: number, ofOther: number): number =>
    both / (ofItem ** power * ofOther ** (1 - power) + shrink);
  const isCosine = shrink === 0 && power === 0.5;
  return itemNeighbours(fit, numItems, neighbours, isCosine ? undefined : similarity);
}
