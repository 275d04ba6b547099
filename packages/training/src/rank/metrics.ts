import { InputError } from "@poeem/pq-core";
import { type Csr, listOf } from "../data/csr.ts";
import { ExactSum } from "./exact-sum.ts";

/** The places at which lists are always cut. */
export const CUTOFFS = [1, 10, 20, 50, 100] as const;
/** The last place at which they may be cut. */
export const MAX_CUTOFF = 1000;

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
/** A figure that every result has. */
export type MetricName = `${Measure}At${(typeof CUTOFFS)[number]}`;

/** Figures by name: those of the usual cut-offs, and of others where they were asked for. */
export interface Metrics extends Readonly<Record<MetricName, number>> {
  readonly [other: `${Measure}At${number}`]: number;
}

/**
 * Quality of ranked lists against held-out events: means over queries, each query counting alike. Sums are exact, so
 * that the order of the queries says nothing.
 */
export interface RankingMetrics extends Metrics {
  readonly queries: number;
  /** Half the width of the 95 % interval of each mean: 1.96 standard errors over the queries. */
  readonly margin95: Metrics;
}

/** discount[p] of place p, from 0; ideal[n] = the sum of the first n. */
const discount = Float64Array.from({ length: MAX_CUTOFF }, (_, place) => 1 / Math.log2(place + 2));
const ideal = new Float64Array(MAX_CUTOFF + 1);
for (let n = 0; n < MAX_CUTOFF; n++) ideal[n + 1] = ideal[n]! + discount[n]!;

/**
 * The usual cut-offs and others, ascending.
 *
 * @throws InputError for one that is not an integer of 1 to 1000
 */
export function withUsualCutoffs(cutoffs: readonly number[] = []): number[] {
  for (const k of cutoffs) {
    if (Number.isInteger(k) && k >= 1 && k <= MAX_CUTOFF) continue;
    throw new InputError("cutoffs", `expected integers of 1 to ${MAX_CUTOFF}, got ${k}`);
  }
  return [...new Set([...CUTOFFS, ...cutoffs])].sort((a, b) => a - b);
}

export interface MetricOptions {
  /** Numbers of the queries that count; default all. */
  readonly selected?: ArrayLike<number> | undefined;
  /** Cut-offs beside the usual ones. */
  readonly cutoffs?: readonly number[] | undefined;
}

/**
 * @param ranked item numbers of each query, best first, without repeats; what lies past the last cut-off is ignored
 * @param relevant held-out items of each query, without repeats, not empty
 * @throws InputError for a cut-off that is not an integer of 1 to 1000
 */
export function rankingMetrics(
  ranked: readonly ArrayLike<number>[],
  relevant: Csr,
  options: MetricOptions = {},
): RankingMetrics {
  const { selected } = options;
  const cutoffs = withUsualCutoffs(options.cutoffs);
  const names = MEASURES.flatMap((measure) => cutoffs.map((k) => `${measure}At${k}` as const));
  const width = names.length;
  const sums = Array.from({ length: width }, () => new ExactSum());
  const squares = Array.from({ length: width }, () => new ExactSum());
  const values = new Float64Array(width);
  const n = selected?.length ?? ranked.length;
  for (let i = 0; i < n; i++) {
    const query = selected?.[i] ?? i;
    measureList(ranked[query]!, listOf(relevant, query), cutoffs, values);
    for (let m = 0; m < width; m++) {
      sums[m]!.add(values[m]!);
      squares[m]!.add(values[m]! ** 2);
    }
  }
  const named = (value: (m: number) => number): Metrics =>
    Object.fromEntries(names.map((name, m) => [name, value(m)])) as unknown as Metrics;
  const mean = (m: number): number => sums[m]!.value / Math.max(1, n);
  const deviations = (m: number): number => Math.max(0, squares[m]!.value - n * mean(m) ** 2);
  return {
    queries: n,
    ...named(mean),
    // the unbiased variance of one query, over n
    margin95: named((m) => (n < 2 ? 0 : 1.96 * Math.sqrt(deviations(m) / (n - 1) / n))),
  };
}

/** Fills `values` for one list: of each measure its value at every cut-off. @param cutoffs ascending */
function measureList(
  list: ArrayLike<number>,
  relevant: Uint32Array,
  cutoffs: readonly number[],
  values: Float64Array,
): void {
  const right = new Set(relevant);
  let found = 0;
  let gain = 0;
  let place = 0;
  for (const [c, k] of cutoffs.entries()) {
    for (; place < Math.min(k, list.length); place++) {
      if (!right.has(list[place]!)) continue;
      found++;
      gain += discount[place]!;
    }
    const possible = Math.min(k, right.size);
    const at = [found / right.size, found / possible, gain / ideal[possible]!, found / k, found > 0 ? 1 : 0];
    for (let m = 0; m < at.length; m++) values[m * cutoffs.length + c] = at[m]!;
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
