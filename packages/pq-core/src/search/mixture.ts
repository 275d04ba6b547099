import type { Ranking } from "../kernel.ts";
import { TopK } from "../top-k.ts";
import type { Merge } from "../types.ts";
import { rankHead, type Scan } from "./rank.ts";
import type { Head } from "./score.ts";

type SumExp = Extract<Merge, { by: "sumExp" }>;

/**
 * The k best by log Σ_h weight_h · exp(temperature · score_h), the log of a mixture of
 * softmaxes with one component a query vector (one for each item of a history, say).
 *
 * Exact, though not every item is scored by every vector:
 * 1. The k best of each vector give candidates; their k-th best mixture score is a threshold Θ.
 * 2. A sum of H terms that reaches exp(Θ) has a term of at least exp(Θ)/H, so every item of the result scores
 *    at least (Θ − log H − log weight_h) / temperature for some vector h: these are scanned for and scored in full.
 */
export function rankMixture(scan: Scan, heads: readonly Head[], k: number, merge: SumExp): Ranking {
  const first = new Set<number>();
  for (const head of heads)
    for (const ordinal of rankHead(scan, head, k, Number.NEGATIVE_INFINITY).ordinals) first.add(ordinal);
  const top = scoreMixture(scan, heads, first, k, merge);
  const theta = top.threshold;
  const total = scan.stretches.reduce((sum, { start, end }) => sum + end - start, 0);
  const all = new Set(first);
  for (const [h, head] of heads.entries()) {
    const floor = (theta - Math.log(heads.length) - logWeight(merge, h)) / merge.temperature;
    for (const ordinal of rankHead(scan, head, total, floor - Math.abs(floor) * 1e-5).ordinals) all.add(ordinal);
  }
  return scoreMixture(scan, heads, all, k, merge).take();
}

function logWeight(merge: SumExp, head: number): number {
  return merge.weights === undefined ? 0 : Math.log(merge.weights[head]!);
}

/** Mixture scores of the given items, the k best kept. */
function scoreMixture(scan: Scan, heads: readonly Head[], items: ReadonlySet<number>, k: number, merge: SumExp): TopK {
  const { kernel, codebook, lists, stretches } = scan;
  const ordinals = Uint32Array.from(items).sort();
  const cells = cellsOf(ordinals, stretches);
  const scores = heads.map((head) => {
    const products = kernel.setQuery(head.query);
    const biases = Float32Array.from(cells, (cell) => (codebook.byResidual ? products[cell]! : 0));
    return lists.scores(kernel, ordinals, biases);
  });
  const top = new TopK(k);
  for (let i = 0; i < ordinals.length; i++) {
    top.push(
      Math.fround(
        logSumExp(heads.map((head, h) => logWeight(merge, h) + merge.temperature * (scores[h]![i]! + head.shift))),
      ),
      ordinals[i]!,
    );
  }
  return top;
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
