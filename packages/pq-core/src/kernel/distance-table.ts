import type { Codebook } from "../codebook/codebook.ts";
import { rotateVector } from "../codebook/rotate.ts";
import { checkFloat32 } from "../errors.ts";

/**
 * The inner products of one query with all PQ centroids, so that an item's score is M look-ups:
 * q·x̂ = q·u_cell + Σ_m table[m][code_m]. The table does not depend on the cell; a cell adds one scalar.
 *
 * @param query (dim) in the original space
 * @returns (M, ksub); float32, terms added in the order of the dimensions
 */
export function innerProductTable(codebook: Codebook, query: Float32Array): Float32Array {
  checkFloat32("query", query, codebook.dim);
  const rotated = new Float32Array(codebook.dim);
  rotateVector(codebook.rotation, query, rotated);
  const table = new Float32Array(codebook.numSubQuantizers * codebook.numCentroids);
  fillTable(codebook, rotated, table);
  return table;
}

/** {@link innerProductTable} of a query that is rotated already, into an array of the caller's. */
export function fillTable(codebook: Codebook, rotated: Float32Array, table: Float32Array): void {
  const { numSubQuantizers, numCentroids, subDim, centroids } = codebook;
  for (let m = 0; m < numSubQuantizers; m++) {
    for (let c = 0; c < numCentroids; c++) {
      const row = m * numCentroids + c;
      table[row] = innerProduct(rotated, m * subDim, centroids, row * subDim, subDim);
    }
  }
}

/** q·u for every coarse centroid: (nlist). */
export function fillCoarseProducts(codebook: Codebook, rotated: Float32Array, out: Float32Array): void {
  const { dim, nlist, coarseCentroids } = codebook;
  for (let l = 0; l < nlist; l++) out[l] = innerProduct(rotated, 0, coarseCentroids, l * dim, dim);
}

/** ‖q‖, of the rotated query: float64 in the order of the dimensions, then float32. */
export function queryLength(rotated: Float32Array): number {
  let square = 0;
  for (const value of rotated) square += value * value;
  return Math.fround(Math.sqrt(square));
}

/** float32 arithmetic in the order of the dimensions: a SIMD kernel with one lane a centroid gets the same bits. */
function innerProduct(a: Float32Array, aAt: number, b: Float32Array, bAt: number, size: number): number {
  let sum = 0;
  for (let d = 0; d < size; d++) sum = Math.fround(sum + Math.fround(a[aAt + d]! * b[bAt + d]!));
  return sum;
}

/**
 * ‖u‖ (cosine) or ‖u‖² (l2) of each coarse centroid; for inner product how much a query of length 1 gains by the spread
 * of its items, or empty without one.
 */
export function coarseTerms(codebook: Codebook): Float32Array {
  const { metric, nlist, dim, coarseCentroids, cellSpread } = codebook;
  if (metric === "innerProduct" && !cellSpread) return new Float32Array(0);
  const terms = new Float32Array(nlist);
  for (let l = 0; l < nlist; l++) {
    let square = 0;
    for (let d = 0; d < dim; d++) square += coarseCentroids[l * dim + d]! ** 2;
    if (cellSpread) terms[l] = cellSpread.weight * Math.sqrt(Math.max(0, cellSpread.length ** 2 - square));
    else terms[l] = metric === "l2" ? square : Math.sqrt(square);
  }
  return terms;
}

/**
 * What cells are visited in the order of: the score of a coarse centroid by the metric, from its product with the
 * query, and what the cell's spread adds; float32, as in every kernel.
 *
 * @param term one of `coarseTerms`, undefined where there are none
 * @param length of the query, see `queryLength`
 */
export function probeScore(
  metric: Codebook["metric"],
  product: number,
  term: number | undefined,
  length: number,
): number {
  if (term === undefined) return product;
  if (metric === "innerProduct") return Math.fround(product + Math.fround(length * term));
  if (metric === "l2") return Math.fround(product - term);
  return term > 0 ? Math.fround(product / term) : 0;
}
