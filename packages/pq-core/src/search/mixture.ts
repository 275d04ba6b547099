import type { Merge } from "../types.ts";
import { byHead, rankBest, type Scan } from "./rank.ts";
import type { Head } from "./score.ts";
import type { Shortlist } from "./shortlist.ts";

type SumExp = Extract<Merge, { by: "sumExp" }>;

/**
 * The `size` items with the best single term log weight_h + temperature · score_h, each with its log of the mixture of all
 * query vectors, log Σ_h weight_h · exp(temperature · score_h): one component a query vector, for each item of a history, say.
 *
 * Finding terms costs as much as a search by each vector. Finding sums would cost many times that, since an item that is good
 * by none may be good by all; it would have to be below `size` others by its best term, and to catch up by log H at most.
 */
export function rankMixture(scan: Scan, heads: readonly Head[], size: number, merge: SumExp): Shortlist {
  const logWeights = heads.map((_, h) => (merge.weights === undefined ? 0 : Math.log(merge.weights[h]!)));
  const best = rankBest(scan, heads, byHead(scan.stretches, heads.length), size, merge.temperature, logWeights);
  return { ...best, mixtures: mixturesOf(scan, heads, best.ordinals, merge.temperature, logWeights) };
}

/** Mixture scores of the given items, in their order. */
function mixturesOf(
  scan: Scan,
  heads: readonly Head[],
  items: Uint32Array,
  temperature: number,
  logWeights: readonly number[],
): Float32Array {
  const { kernel, codebook, lists, stretches } = scan;
  const n = items.length;
  const ordinals = items.toSorted();
  const cells = cellsOf(ordinals, stretches);
  // log Σ exp without overflow: the largest term so far, and the sum relative to it.
  const largest = new Float64Array(n).fill(-Infinity);
  const sums = new Float64Array(n);
  for (const [h, head] of heads.entries()) {
    const products = kernel.setQuery(head.query);
    const biases = Float32Array.from(cells, (cell) => (codebook.byResidual ? products[cell]! : 0));
    const scores = lists.scores(kernel, ordinals, biases);
    for (let i = 0; i < n; i++) {
      const term = logWeights[h]! + temperature * (scores[i]! + head.shift);
      if (term > largest[i]!) {
        sums[i] = sums[i]! * Math.exp(largest[i]! - term) + 1;
        largest[i] = term;
      } else sums[i]! += Math.exp(term - largest[i]!);
    }
  }
  const mixtures = new Map(Array.from(ordinals, (ordinal, i) => [ordinal, largest[i]! + Math.log(sums[i]!)]));
  return Float32Array.from(items, (ordinal) => mixtures.get(ordinal)!);
}

/** log Σ exp(x), without overflow. */
export function logSumExp(values: readonly number[]): number {
  const max = Math.max(...values);
  if (!Number.isFinite(max)) return max;
  return max + Math.log(values.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

/** Cell of each ordinal (ascending), which all lie in one of the stretches. */
function cellsOf(ordinals: Uint32Array, stretches: Scan["stretches"]): Uint32Array {
  const ascending = stretches.toSorted((a, b) => a.start - b.start);
  let s = 0;
  return ordinals.map((ordinal) => {
    while (ascending[s]!.end <= ordinal) s++;
    return ascending[s]!.cell;
  });
}
