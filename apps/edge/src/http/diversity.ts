/** Candidates per result, among which `diversity` chooses. */
export const CANDIDATES_PER_RESULT = 4;

/**
 * Maximal marginal relevance (Carbonell and Goldstein 1998) over decoded vectors: picks one after the other the
 * candidate with the largest (1 − diversity) · relevance − diversity · cosine to the nearest one already picked.
 * Relevance is the score, scaled so that the candidates span 0 to 1; the best candidate always comes first.
 *
 * @param scores (n) larger is better
 * @param vectors (n, dim) decoded
 * @returns positions of the k picks, in the order picked
 */
export function diversify(scores: Float32Array, vectors: Float32Array, k: number, diversity: number): number[] {
  const n = scores.length;
  const dim = n === 0 ? 0 : vectors.length / n;
  const units = normalizeRows(vectors, dim);
  const best = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const span = best - scores.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) || 1;
  const nearest = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
  const left = new Set(scores.keys());
  const picked: number[] = [];
  while (picked.length < k && left.size > 0) {
    let pick = -1;
    let pickValue = Number.NEGATIVE_INFINITY;
    for (const i of left) {
      const relevance = (scores[i]! - best) / span + 1;
      const value = picked.length === 0 ? relevance : (1 - diversity) * relevance - diversity * nearest[i]!;
      if (value > pickValue) [pick, pickValue] = [i, value];
    }
    picked.push(pick);
    left.delete(pick);
    for (const i of left) nearest[i] = Math.max(nearest[i]!, dot(units, i * dim, pick * dim, dim));
  }
  return picked;
}

function normalizeRows(vectors: Float32Array, dim: number): Float32Array {
  const units = vectors.slice();
  for (let start = 0; start < units.length; start += dim) {
    const norm = Math.sqrt(dot(units, start, start, dim)) || 1;
    for (let d = 0; d < dim; d++) units[start + d]! /= norm;
  }
  return units;
}

function dot(rows: Float32Array, a: number, b: number, dim: number): number {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += rows[a + d]! * rows[b + d]!;
  return sum;
}
