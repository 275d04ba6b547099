import { type Csr, listOf } from "../data/csr.ts";
import { ExactSum } from "./exact-sum.ts";

/** The places at which lists are cut. */
export const CUTOFFS = [1, 10, 20, 50, 100] as const;
/** Length of the lists that the metrics need. */
export const LIST_LENGTH = 100;

/**
 * - `recall`: |top-k ∩ relevant| / |relevant|
 * - `cappedRecall`: |top-k ∩ relevant| / min(k, |relevant|), what of the possible was found
 * - `ndcg`: Σ over the places p of relevant items of 1 / log2(p + 1), over the same sum for the best possible list:
 *   min(k, |relevant|) relevant items on top
 * - `precision`: |top-k ∩ relevant| / k
 * - `hit`: 1 when anything relevant is in the top k
 */
export const MEASURES = ["recall", "cappedRecall", "ndcg", "precision", "hit"] as const;
export type Measure = (typeof MEASURES)[number];
export type MetricName = `${Measure}At${(typeof CUTOFFS)[number]}`;

export type Metrics = Readonly<Record<MetricName, number>>;

/**
 * Quality of ranked lists against held-out events: means over queries, each query counting alike. Sums are exact, so
 * that the order of the queries says nothing.
 */
export interface RankingMetrics extends Metrics {
  readonly queries: number;
  /** Half the width of the 95 % interval of each mean: 1.96 standard errors over the queries. */
  readonly margin95: Metrics;
}

export const METRIC_NAMES: readonly MetricName[] = MEASURES.flatMap((measure) =>
  CUTOFFS.map((k): MetricName => `${measure}At${k}`),
);

/** discount[p] of place p, from 0; ideal[n] = the sum of the first n. */
const discount = Float64Array.from({ length: LIST_LENGTH }, (_, place) => 1 / Math.log2(place + 2));
const ideal = new Float64Array(LIST_LENGTH + 1);
for (let n = 0; n < LIST_LENGTH; n++) ideal[n + 1] = ideal[n]! + discount[n]!;

/**
 * @param ranked item numbers of each query, best first, without repeats; what lies past place 100 is not looked at
 * @param relevant held-out items of each query, without repeats, not empty
 * @param selected numbers of the queries that count; default all
 */
export function rankingMetrics(
  ranked: readonly ArrayLike<number>[],
  relevant: Csr,
  selected?: ArrayLike<number>,
): RankingMetrics {
  const width = METRIC_NAMES.length;
  const sums = Array.from({ length: width }, () => new ExactSum());
  const squares = Array.from({ length: width }, () => new ExactSum());
  const values = new Float64Array(width);
  const n = selected?.length ?? ranked.length;
  for (let i = 0; i < n; i++) {
    const query = selected?.[i] ?? i;
    measureList(ranked[query]!, listOf(relevant, query), values);
    for (let m = 0; m < width; m++) {
      sums[m]!.add(values[m]!);
      squares[m]!.add(values[m]! ** 2);
    }
  }
  const named = (value: (m: number) => number): Metrics =>
    Object.fromEntries(METRIC_NAMES.map((name, m) => [name, value(m)])) as Record<MetricName, number>;
  const mean = (m: number): number => sums[m]!.value / Math.max(1, n);
  const deviations = (m: number): number => Math.max(0, squares[m]!.value - n * mean(m) ** 2);
  return {
    queries: n,
    ...named(mean),
    // the unbiased variance of one query, over n
    margin95: named((m) => (n < 2 ? 0 : 1.96 * Math.sqrt(deviations(m) / (n - 1) / n))),
  };
}

/** Fills `values` in the order of METRIC_NAMES for one list. */
function measureList(list: ArrayLike<number>, relevant: Uint32Array, values: Float64Array): void {
  const right = new Set(relevant);
  let found = 0;
  let gain = 0;
  let place = 0;
  for (const [c, k] of CUTOFFS.entries()) {
    for (; place < Math.min(k, list.length); place++) {
      if (!right.has(list[place]!)) continue;
      found++;
      gain += discount[place]!;
    }
    const possible = Math.min(k, right.size);
    const at = [found / right.size, found / possible, gain / ideal[possible]!, found / k, found > 0 ? 1 : 0];
    for (let m = 0; m < at.length; m++) values[m * CUTOFFS.length + c] = at[m]!;
  }
}

/** Mean share of each exact top k that the other list has in its own top k; queries without an exact list aside. */
export function overlapAtK(
  ranked: readonly ArrayLike<number>[],
  exact: readonly ArrayLike<number>[],
  k: number,
): number {
  let sum = 0;
  let lists = 0;
  for (let query = 0; query < ranked.length; query++) {
    const right = new Set(Array.from(exact[query]!).slice(0, k));
    if (right.size === 0) continue;
    const found = Array.from(ranked[query]!).slice(0, k);
    sum += found.filter((item) => right.has(item)).length / right.size;
    lists++;
  }
  return sum / Math.max(1, lists);
}
