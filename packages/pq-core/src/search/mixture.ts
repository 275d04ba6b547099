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
  const logWeights = logWeightsOf(heads, merge);
  const best = rankBest(scan, heads, byHead(scan.stretches, heads.length), size, merge.temperature, logWeights);
  const cells = (ordinals: Uint32Array) => cellsOf(ordinals, scan.stretches);
  const setQuery = (h: number) => scan.kernel.setQuery(heads[h]!.query);
  return { ...best, mixtures: mixturesOf(scan, cells, heads, setQuery, best.ordinals, merge.temperature, logWeights) };
}

export function logWeightsOf(heads: readonly Head[], { weights }: SumExp): number[] {
  return heads.map((_, h) => (weights === undefined ? 0 : Math.log(weights[h]!)));
}

/**
 * Mixture scores of the given items, in their order.
 * @param cellsOf the cells of ordinals, which ascend
 * @param setQuery gives the kernel the query of a head; returns its products
 */
export function mixturesOf(
  { kernel, codebook, lists }: Pick<Scan, "kernel" | "codebook" | "lists">,
  cellsOf: (ordinals: Uint32Array) => Uint32Array,
  heads: readonly Head[],
  setQuery: (head: number) => Float32Array,
  items: Uint32Array,
  temperature: number,
  logWeights: readonly number[],
): Float32Array {
  const n = items.length;
  const ordinals = items.toSorted();
  const cells = cellsOf(ordinals);
  // log Σ exp without overflow: the largest term so far, and the sum relative to it.
  const largest = new Float64Array(n).fill(-Infinity);
  const sums = new Float64Array(n);
  const biases = new Float32Array(n);
  for (const [h, head] of heads.entries()) {
    const products = setQuery(h);
    if (codebook.byResidual) for (let i = 0; i < n; i++) biases[i] = products[cells[i]!]!;
    const scores = lists.scores(kernel, ordinals, biases);
    const logWeight = logWeights[h]!;
    for (let i = 0; i < n; i++) {
      const term = logWeight + temperature * (scores[i]! + head.shift);
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
