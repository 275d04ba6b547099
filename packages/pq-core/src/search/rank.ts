import type { Codebook } from "../codebook.ts";
import type { AdcKernel, Ranking } from "../kernel.ts";
import { TopK } from "../top-k.ts";
import type { Merge } from "../types.ts";
import type { ReadyLists } from "./list-source.ts";
import { rankMixture } from "./mixture.ts";
import { type Head, shiftScores } from "./score.ts";

/** Ordinals [start, end) of one cell; `mask` when only some of them may be returned, word 0 for the block of `start`. */
export interface Stretch {
  readonly cell: number;
  readonly start: number;
  readonly end: number;
  readonly mask: Uint32Array | undefined;
}

/** What is scanned, and with what. */
export interface Scan {
  readonly kernel: AdcKernel;
  readonly codebook: Codebook;
  readonly lists: ReadyLists;
  readonly stretches: readonly Stretch[];
}

/** The k best of the stretches for one or several query vectors. Never waits: the kernel holds one query at a time. */
export function rank(scan: Scan, heads: readonly Head[], k: number, merge: Merge): Ranking {
  if (heads.length === 1 && merge.by === "max") return rankHead(scan, heads[0]!, k, Number.NEGATIVE_INFINITY);
  return merge.by === "max" ? rankMaximum(scan, heads, k) : rankMixture(scan, heads, k, merge);
}

/** The k best for one query vector, among those that score at least `floor`. */
export function rankHead(scan: Scan, head: Head, k: number, floor: number): Ranking {
  return scanHead(scan, head, scan.kernel.setQuery(head.query), k, floor);
}

/** {@link rankHead} for a query that the kernel has already, with its products. */
export function scanHead(scan: Scan, head: Head, products: Float32Array, k: number, floor: number): Ranking {
  const { kernel, codebook, lists, stretches } = scan;
  const biasOf = (cell: number): number => (codebook.byResidual ? products[cell]! : 0);
  let maxBias = Number.NEGATIVE_INFINITY;
  for (const { cell } of stretches) maxBias = Math.max(maxBias, biasOf(cell));
  // The shift is added after the kernel, so the floor is taken back before it; one part in a million for rounding.
  const kernelFloor = floor - head.shift;
  kernel.begin(k, maxBias, kernelFloor - Math.abs(kernelFloor) * 1e-6);
  for (const { cell, start, end, mask } of stretches) lists.scan(kernel, start, end, biasOf(cell), mask);
  const ranking = kernel.finish();
  shiftScores(ranking.scores, head.shift);
  return ranking;
}

/**
 * Each item once, with its best score over the query vectors. An item of the merged top k is in the top k of the
 * vector that scores it best, so k of each are enough; and what scores below the k-th best so far need not be found.
 */
function rankMaximum(scan: Scan, heads: readonly Head[], k: number): Ranking {
  const best = new Map<number, number>();
  let top = new TopK(k);
  for (const head of heads) {
    const { ordinals, scores } = rankHead(scan, head, k, top.threshold);
    for (let i = 0; i < ordinals.length; i++) {
      const before = best.get(ordinals[i]!);
      if (before === undefined || before < scores[i]!) best.set(ordinals[i]!, scores[i]!);
    }
    top = new TopK(k);
    for (const [ordinal, score] of best) top.push(score, ordinal);
  }
  return top.take();
}
