import { check, checkFinite, checkType } from "../errors.ts";
import type { Codebook } from "./codebook.ts";
import { checkAssignments, type EncodedVectors } from "./codes.ts";
import { rotateRows } from "./rotate.ts";

/**
 * Vectors to codes: rotate, take the nearest cell, take each sub-vector's nearest centroid of what remains.
 * "Nearest" is squared Euclidean distance whatever the metric, because the code's task is to rebuild the vector
 * (Jégou et al. 2011, section 3). Ties go to the smaller index.
 *
 * @param vectors (n, dim) in the original space
 * @param assignments cells chosen elsewhere (n); default: the nearest
 * @param improve what becomes of an item's nearest codes (M), to be changed in place
 */
export function encode(
  codebook: Codebook,
  vectors: Float32Array,
  assignments?: Uint32Array,
  improve?: (codes: Uint8Array, residual: Float32Array, cell: number) => void,
): EncodedVectors {
  const { dim, nlist, numSubQuantizers, numCentroids, subDim, byResidual, coarseCentroids, centroids } = codebook;
  const n = countRows("vectors", vectors, dim);
  checkFinite("vectors", vectors);
  if (assignments !== undefined) checkAssignments(assignments, n, nlist);
  const rotated = rotateRows(codebook.rotation, vectors, dim);
  const cells = assignments ?? new Uint32Array(n);
  const codes = new Uint8Array(n * numSubQuantizers);
  const residual = new Float32Array(dim);
  for (let i = 0; i < n; i++) {
    const vector = rotated.subarray(i * dim, (i + 1) * dim);
    if (assignments === undefined && nlist > 0) cells[i] = nearest(coarseCentroids, 0, nlist, vector, 0, dim);
    residual.set(vector);
    if (byResidual) for (let d = 0, u = cells[i]! * dim; d < dim; d++) residual[d]! -= coarseCentroids[u + d]!;
    for (let m = 0; m < numSubQuantizers; m++) {
      // codes[i][m] : code of the i-th vector, m-th sub-quantizer
      codes[i * numSubQuantizers + m] = nearest(
        centroids,
        m * numCentroids * subDim,
        numCentroids,
        residual,
        m * subDim,
        subDim,
      );
    }
    improve?.(codes.subarray(i * numSubQuantizers, (i + 1) * numSubQuantizers), residual, cells[i]!);
  }
  return { assignments: cells, codes };
}

/** Index of the row of (count, size) nearest to vector[at .. at + size). */
function nearest(
  rows: Float32Array,
  base: number,
  count: number,
  vector: Float32Array,
  at: number,
  size: number,
): number {
  let best = 0;
  let bestDistance = Infinity;
  for (let c = 0; c < count; c++) {
    let distance = 0;
    const row = base + c * size;
    for (let d = 0; d < size; d++) {
      const difference = rows[row + d]! - vector[at + d]!;
      distance += difference * difference;
    }
    if (distance < bestDistance) {
      bestDistance = distance;
      best = c;
    }
  }
  return best;
}

/** The n of vectors (n, dim). @throws TypeError, RangeError for anything else */
export function countRows(name: string, vectors: Float32Array, dim: number): number {
  checkType(name, vectors, Float32Array);
  check(vectors.length % dim === 0, name, `a multiple of dim ${dim} as its length`, vectors.length);
  return vectors.length / dim;
}
