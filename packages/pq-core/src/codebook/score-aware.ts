import { check, checkEach, checkFinite, checkInteger, checkType } from "../errors.ts";
import type { Codebook } from "./codebook.ts";

/**
 * Second moments of the query vectors that items meet, E[q qᵀ]: what an error x − x̂ costs a score is E[(q · (x
 * − x̂))²] = (x − x̂)ᵀ E[q qᵀ] (x − x̂). Anisotropic quantization (Guo et al., ICML 2020, theorem 3.2) is
 * the case of queries that are known only by how near they come to x; here they are those of the data.
 */
export interface QueryMoments {
  /** (count, dim, dim), each symmetric, of query vectors in rotated space, q·R. */
  readonly moments: Float32Array;
  /** Number of its moment, for each cell; one number without a coarse quantizer. */
  readonly momentOf: Uint32Array;
}

/** Step of `encode` after which the codes say an item's scores as well as one sweep over them can. */
export function scoreAware(
  codebook: Codebook,
  given: QueryMoments,
): (codes: Uint8Array, residual: Float32Array, cell: number) => void {
  checkMoments(given, codebook);
  const size = codebook.dim ** 2;
  return (codes, residual, cell) => {
    const from = given.momentOf[cell]! * size;
    improveCodes(codebook, residual, given.moments.subarray(from, from + size), codes);
  };
}

/** @throws TypeError, RangeError for other shapes than `QueryMoments` says */
export function checkMoments({ moments, momentOf }: QueryMoments, { dim, nlist }: Codebook): void {
  checkType("moments", moments, Float32Array);
  check(moments.length > 0 && moments.length % (dim * dim) === 0, "moments", `matrices of ${dim}²`, moments.length);
  checkFinite("moments", moments);
  checkType("momentOf", momentOf, Uint32Array);
  checkInteger("momentOf.length", momentOf.length, Math.max(nlist, 1), Math.max(nlist, 1));
  const count = moments.length / (dim * dim);
  checkEach("momentOf", momentOf, `below ${count}`, (moment) => moment < count);
}

const { fround } = Math;

/**
 * One sweep of coordinate descent over an item's sub-codes: each in turn becomes the centroid with the least
 * eᵀ·H·e, e = residual − centroids, while the others stay; the first of equals, and the old one where no other is
 * better. Every step in float32, so that the kernel gives the same bits (src/kernel/assembly/score-aware.as.ts).
 *
 * @param residual what the sub-quantizers code, (dim)
 * @param moment H, (dim, dim)
 * @param codes (M), changed in place
 */
function improveCodes(
  { dim, numSubQuantizers, numCentroids, subDim, centroids }: Codebook,
  residual: Float32Array,
  moment: Float32Array,
  codes: Uint8Array,
): void {
  const errors = new Float32Array(dim);
  for (let m = 0; m < numSubQuantizers; m++) {
    const from = (m * numCentroids + codes[m]!) * subDim;
    for (let d = 0; d < subDim; d++) errors[m * subDim + d] = residual[m * subDim + d]! - centroids[from + d]!;
  }
  // H·e, kept up to date
  const weighted = new Float32Array(dim);
  for (let d = 0; d < dim; d++) addRow(weighted, errors[d]!, moment, d);
  const costs = new Float32Array(numCentroids);
  const rest = new Float32Array(subDim);
  for (let m = 0; m < numSubQuantizers; m++) {
    const base = m * subDim;
    const at = (from: number, to: number): number => moment[(base + from) * dim + base + to]!;
    for (let d = 0; d < subDim; d++) {
      let own = 0;
      for (let f = 0; f < subDim; f++) own = fround(own + fround(errors[base + f]! * at(f, d)));
      rest[d] = 2 * fround(weighted[base + d]! - own);
    }
    let best = codes[m]!;
    for (let c = 0; c < numCentroids; c++) {
      const error = (d: number): number =>
        fround(residual[base + d]! - centroids[(m * numCentroids + c) * subDim + d]!);
      let cost = 0;
      for (let d = 0; d < subDim; d++) {
        let slope = rest[d]!;
        for (let f = 0; f < subDim; f++) slope = fround(slope + fround(error(f) * at(f, d)));
        cost = fround(cost + fround(error(d) * slope));
      }
      costs[c] = cost;
    }
    for (let c = 0; c < numCentroids; c++) {
      if (costs[c]! < costs[best]!) best = c;
    }
    if (best === codes[m]) continue;
    codes[m] = best;
    for (let d = 0; d < subDim; d++) {
      const error = fround(residual[base + d]! - centroids[(m * numCentroids + best) * subDim + d]!);
      addRow(weighted, fround(error - errors[base + d]!), moment, base + d);
      errors[base + d] = error;
    }
  }
}

/** sums += factor · row of a square matrix */
function addRow(sums: Float32Array, factor: number, matrix: Float32Array, row: number): void {
  const from = row * sums.length;
  for (let j = 0; j < sums.length; j++) sums[j] = sums[j]! + fround(factor * matrix[from + j]!);
}
