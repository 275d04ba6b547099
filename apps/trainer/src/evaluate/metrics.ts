import { type Csr, listOf } from "../data/csr.ts";

/** Quality of ranked lists against held-out events, averaged over queries. */
export interface RankingMetrics {
  readonly queries: number;
  /** |top-k ∩ relevant| / |relevant| */
  readonly recallAt10: number;
  readonly recallAt100: number;
  /** |top-k ∩ relevant| / min(k, |relevant|): what of the possible was found, where a query has more answers than k. */
  readonly cappedRecallAt10: number;
  /** Share of queries with at least one relevant item in the top 10. */
  readonly hitAt10: number;
}

/** @param ranked (queries, k) item numbers, best first. @param relevant held-out items of each query, not empty. */
export function rankingMetrics(ranked: ArrayLike<ArrayLike<number>>, relevant: Csr): RankingMetrics {
  const sums = { recallAt10: 0, recallAt100: 0, cappedRecallAt10: 0, hitAt10: 0 };
  for (let query = 0; query < ranked.length; query++) {
    const right = new Set(listOf(relevant, query));
    let in10 = 0;
    let in100 = 0;
    const list = ranked[query]!;
    for (let place = 0; place < Math.min(100, list.length); place++) {
      if (!right.has(list[place]!)) continue;
      in100++;
      if (place < 10) in10++;
    }
    sums.recallAt10 += in10 / right.size;
    sums.recallAt100 += in100 / right.size;
    sums.cappedRecallAt10 += in10 / Math.min(10, right.size);
    sums.hitAt10 += in10 > 0 ? 1 : 0;
  }
  const n = Math.max(1, ranked.length);
  return {
    queries: ranked.length,
    recallAt10: sums.recallAt10 / n,
    recallAt100: sums.recallAt100 / n,
    cappedRecallAt10: sums.cappedRecallAt10 / n,
    hitAt10: sums.hitAt10 / n,
  };
}

/** Mean share of each exact top-k that the other list has in its own top-k. */
export function overlapAtK(
  ranked: ArrayLike<ArrayLike<number>>,
  exact: ArrayLike<ArrayLike<number>>,
  k: number,
): number {
  let sum = 0;
  for (let query = 0; query < ranked.length; query++) {
    const right = new Set(Array.from(exact[query]!).slice(0, k));
    const found = Array.from(ranked[query]!).slice(0, k);
    sum += found.filter((item) => right.has(item)).length / Math.max(1, right.size);
  }
  return sum / Math.max(1, ranked.length);
}
