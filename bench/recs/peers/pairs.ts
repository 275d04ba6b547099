import type { Csr } from "@poeem/training/data/csr";
import { choose, type Grid } from "../choose.ts";
import type { Queries } from "../task.ts";
import type { Peer, Ranked } from "./peer.ts";

/** What ranks by a weight for each of some pairs of items. */
export interface PairMethod<S extends Record<string, number>, T> {
  readonly name: string;
  skipped?: Peer["skipped"];
  readonly grid: Grid<S>;
  /** Where the climb through the grid starts. */
  readonly start: S;
  /** Name in the table with the settings chosen; and with the first ones, where those are measured too. */
  readonly chosen: string;
  readonly first?: string;
  learn(lists: Csr, numItems: number, settings: S): T;
  rank(table: T, queries: Queries, settings: S): Uint32Array[];
  /** How many pairs have a weight. */
  pairs(table: T): number;
}

/** A peer whose settings are chosen on validation queries, and which keeps a number and a weight for each pair. */
export const pairPeer = <S extends Record<string, number>, T>(method: PairMethod<S, T>): Peer => ({
  name: method.name,
  seeded: false,
  sized: false,
  ...(method.skipped && { skipped: method.skipped }),
  async *rank({ fit, fitAll, numItems, validation, test, score }, { say }) {
    const { name, grid, start, first } = method;
    if (first !== undefined) yield tested(first, start);
    const { settings, tried, ...best } = await choose(grid, start, (some) =>
      score(method.rank(method.learn(fit, numItems, some), validation, some)),
    );
    say(`${name}: ${JSON.stringify(settings)} of ${tried}, validation ${best.score.toFixed(4)}`);
    yield tested(method.chosen, settings);

    function tested(title: string, some: S): Ranked {
      const table = method.learn(fitAll, numItems, some);
      const ranked = method.rank(table, test, some);
      return { method: title, settings: some, ranked, bytesPerItem: (8 * method.pairs(table)) / numItems };
    }
  },
});
