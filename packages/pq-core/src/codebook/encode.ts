import { check, checkEach, checkFinite, checkInteger, checkLength, checkType } from "../errors.ts";
import type { Codebook } from "./codebook.ts";
import { rotateRows, unrotateRows } from "./rotate.ts";

/** Codes of n vectors. */
export interface EncodedVectors {
  /** (n): cell of each vector; all 0 when the codebook has no coarse quantizer. */
  readonly assignments: Uint32Array;
  /** (n, M): one byte a sub-code, unpacked, also when nbits is 4. */
  readonly codes: Uint8Array;
}

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

/**
 * Codes to vectors: x̂ = (u_cell + centroids)·Rᵀ, without u_cell when the codebook is not residual.
 *
 * @returns (n, dim) in the original space
 */
export function decode(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float32Array {
  const decoded = decodeRotated(codebook, assignments, codes);
  unrotateRows(codebook.rotation, decoded, codebook.dim);
  return decoded;
}

/** {@link decode} without the last step: (n, dim) in rotated space, where norms and inner products are the same. */
export function decodeRotated(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float32Array {
  checkCodes(codes, assignments.length, codebook);
  checkAssignments(assignments, assignments.length, codebook.nlist);
  return lookUp(codebook, assignments, codes);
}

/** {@link decode} of what an index holds, which cannot be out of range. */
export function decodeStored(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float32Array {
  const decoded = lookUp(codebook, assignments, codes);
  unrotateRows(codebook.rotation, decoded, codebook.dim);
  return decoded;
}

/** (n, dim): each item's centroids, plus that of its cell. */
function lookUp(codebook: Codebook, assignments: Uint32Array, codes: Uint8Array): Float32Array {
  const { dim, numSubQuantizers, numCentroids, subDim, byResidual, coarseCentroids, centroids } = codebook;
  const n = assignments.length;
  const decoded = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) {
    for (let m = 0; m < numSubQuantizers; m++) {
      const from = (m * numCentroids + codes[i * numSubQuantizers + m]!) * subDim;
      decoded.set(centroids.subarray(from, from + subDim), i * dim + m * subDim);
    }
    if (byResidual)
      for (let d = 0, u = assignments[i]! * dim; d < dim; d++) decoded[i * dim + d]! += coarseCentroids[u + d]!;
  }
  return decoded;
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

export function countRows(name: string, vectors: Float32Array, dim: number): number {
  checkType(name, vectors, Float32Array);
  check(vectors.length % dim === 0, name, `a multiple of dim ${dim} as its length`, vectors.length);
  return vectors.length / dim;
}

export function checkAssignments(assignments: Uint32Array, n: number, nlist: number): void {
  checkType("assignments", assignments, Uint32Array);
  checkInteger("assignments.length", assignments.length, n, n);
  const cells = Math.max(nlist, 1);
  checkEach("assignments", assignments, `below ${cells}`, (cell) => cell < cells);
}

export function checkCodes(codes: Uint8Array, n: number, { numSubQuantizers, numCentroids }: Codebook): void {
  checkType("codes", codes, Uint8Array);
  checkLength("codes", codes, n * numSubQuantizers);
  // numCentroids is a power of two: no code has a bit beyond it
  let bits = 0;
  for (let i = 0; i < codes.length; i++) bits |= codes[i]!;
  if (bits >= numCentroids) checkEach("codes", codes, `below ${numCentroids}`, (code) => code < numCentroids);
}
