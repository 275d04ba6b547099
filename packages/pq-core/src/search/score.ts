import type { Codebook } from "../codebook/codebook.ts";

/**
 * One query vector as the kernel gets it. What a metric changes around the kernel, which only adds inner products,
 * a bias and a term:
 *
 *   innerProduct  q·x̂                 = bias + Σ table
 *   cosine        q·x̂ / (‖q‖ ‖x̂‖)     = (bias + Σ table) / term,  the query a unit vector, term = ‖x̂‖
 *   l2            −‖q − x̂‖²           = (bias + Σ table) − term − ‖q‖², the query doubled, term = ‖x̂‖²
 *
 * Cells are probed by the same score, of the coarse centroid.
 */
export interface QueryVector {
  /** As the caller gave it. */
  readonly original: Float32Array;
  /** As the kernel gets it. */
  readonly query: Float32Array;
  /** Added to every kernel score at the end. */
  readonly shift: number;
}

/** @param original (dim) */
export function scaleQuery(codebook: Codebook, original: Float32Array): QueryVector {
  if (codebook.metric === "innerProduct") return { original, query: original, shift: 0 };
  const square = original.reduce((sum, value) => sum + value * value, 0);
  if (codebook.metric === "l2") return { original, query: original.map((value) => 2 * value), shift: -square };
  const norm = Math.sqrt(square);
  return { original, query: norm > 0 ? original.map((value) => value / norm) : original, shift: 0 };
}

/** Adds what a metric adds to every kernel score, in place. */
export function shiftScores(scores: Float32Array, shift: number): void {
  if (shift !== 0) for (let i = 0; i < scores.length; i++) scores[i]! += shift;
}
