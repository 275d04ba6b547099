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

/** ‖u‖ (cosine) or ‖u‖² (l2) of each coarse centroid; empty for inner product. */
export function coarseTerms(codebook: Codebook): Float32Array {
  const { metric, nlist, dim, coarseCentroids } = codebook;
  if (metric === "innerProduct") return new Float32Array(0);
  const terms = new Float32Array(nlist);
  for (let l = 0; l < nlist; l++) {
    let square = 0;
    for (let d = 0; d < dim; d++) square += coarseCentroids[l * dim + d]! ** 2;
    terms[l] = metric === "l2" ? square : Math.sqrt(square);
  }
  return terms;
}

/** Score of a coarse centroid, from its product with the scaled query. */
export function probeScore(metric: Codebook["metric"], product: number, term: number | undefined): number {
  if (metric === "innerProduct" || term === undefined) return product;
  if (metric === "l2") return product - term;
  return term > 0 ? product / term : 0;
}
