import type { Codebook } from "../codebook.ts";
import type { Ranking } from "../kernel.ts";

/**
 * What a metric changes around the kernel, which only adds inner products, a bias and a term:
 *
 *   innerProduct  q·x̂                 = bias + Σ table
 *   cosine        q·x̂ / (‖q‖ ‖x̂‖)     = (bias + Σ table) / term,  the query made a unit vector first, term = ‖x̂‖
 *   l2            −‖q − x̂‖²           = (bias + Σ table) − term − ‖q‖², the query doubled first, term = ‖x̂‖²
 *
 * Cells are probed by the same score, of the coarse centroid.
 */
export interface QueryScale {
  /** The query as the kernel gets it. */
  readonly query: Float32Array;
  /** Added to every kernel score at the end. */
  readonly shift: number;
}

export function scaleQuery(codebook: Codebook, query: Float32Array): QueryScale {
  if (codebook.metric === "innerProduct") return { query, shift: 0 };
  let square = 0;
  for (const value of query) square += value * value;
  if (codebook.metric === "l2") return { query: query.map((value) => 2 * value), shift: -square };
  const norm = Math.sqrt(square);
  return { query: norm > 0 ? query.map((value) => value / norm) : query, shift: 0 };
}

export function shiftScores(ranking: Ranking, shift: number): Ranking {
  if (shift !== 0) for (let i = 0; i < ranking.scores.length; i++) ranking.scores[i]! += shift;
  return ranking;
}
