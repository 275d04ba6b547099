import { Random } from "@poeem/indexing-layer";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { type Csr, countsOf, listOf } from "../data/csr.ts";

// More directions than are kept, so that the last ones kept have settled too; rounds of the power iteration.
const SPARE = 12;
const ROUNDS = 7;

/**
 * Item vectors to start from: the leading eigenvectors of how often items occur together in a history.
 *
 * With A[u, i] = 1/√(items of u · users of i), the eigenvectors of AᵀA, by subspace iteration (Halko, Martinsson &
 * Tropp, SIAM Review 2011, algorithm 4.4) on the lists themselves: the matrix of items by items is never made. The
 * first eigenvector says only how popular an item is and is left out; each other one is scaled by the square root of
 * its eigenvalue.
 *
 * @param histories for each user the items of their training events
 * @returns (numItems, dim), unit rows; a random one for an item that no history has
 */
export function spectralStart(histories: Csr, numItems: number, dim: number, seed: number): Float32Array {
  const random = new Random(seed);
  const width = Math.min(numItems, dim + 1 + SPARE);
  const multiply = cooccurrence(histories, numItems, width);
  let basis = orthonormalize(
    Float32Array.from({ length: numItems * width }, () => random.normal()),
    width,
  );
  for (let round = 0; round < ROUNDS; round++) basis = orthonormalize(multiply(basis), width);
  const { values, vectors } = symmetricEigen(innerProducts(basis, multiply(basis), width));
  // without the first, by the square root of the eigenvalue
  const scales = values.map((value, d) => (d === 0 ? 0 : Math.sqrt(Math.max(0, value))));
  const scaled = times(basis, vectors.mulRowVector(scales), width);

  const rows = new Float32Array(numItems * dim);
  for (let item = 0; item < numItems; item++) {
    const first = item * width + 1;
    const row = Float64Array.from({ length: dim }, (_, d) => (d + 1 < width ? scaled[first + d]! : 0));
    if (row.every((value) => value === 0)) for (let d = 0; d < dim; d++) row[d] = random.normal();
    const norm = Math.hypot(...row);
    for (let d = 0; d < dim; d++) rows[item * dim + d] = row[d]! / norm;
  }
  return rows;
}

/** X ↦ AᵀA X for X (numItems, width), user by user, so that no matrix of users is kept. */
function cooccurrence(histories: Csr, numItems: number, width: number): (x: Float32Array) => Float32Array {
  const users = histories.offsets.length - 1;
  const counts = countsOf(histories.values, numItems);
  const itemScale = Float64Array.from(counts, (count) => (count > 0 ? 1 / Math.sqrt(count) : 0));
  return (x) => {
    const out = new Float32Array(numItems * width);
    const sum = new Float64Array(width);
    for (let user = 0; user < users; user++) {
      const list = listOf(histories, user);
      if (list.length === 0) continue;
      sum.fill(0);
      for (const item of list) {
        const scale = itemScale[item]! / list.length;
        for (let w = 0; w < width; w++) sum[w]! += scale * x[item * width + w]!;
      }
      for (const item of list) {
        const scale = itemScale[item]!;
        for (let w = 0; w < width; w++) out[item * width + w]! += scale * sum[w]!;
      }
    }
    return out;
  };
}

/** Orthonormal columns with the span of x (rows, width): x · V · Λ^(−1/2), xᵀx = V Λ Vᵀ. Done twice. */
function orthonormalize(x: Float32Array, width: number): Float32Array {
  let columns = x;
  for (let pass = 0; pass < 2; pass++) {
    const { values, vectors } = symmetricEigen(innerProducts(columns, columns, width));
    const largest = values[0]!;
    // a direction that is not there stays zero
    const scales = values.map((value) => (value > 1e-12 * largest ? 1 / Math.sqrt(value) : 0));
    columns = times(columns, vectors.mulRowVector(scales), width);
  }
  return columns;
}

/** (rows, width) · (width, width) */
function times(x: Float32Array, factor: Matrix, width: number): Float32Array {
  const flat = Float64Array.from(factor.to1DArray());
  const out = new Float32Array(x.length);
  const row = new Float64Array(width);
  for (let r = 0; r < x.length / width; r++) {
    row.fill(0);
    for (let i = 0; i < width; i++) {
      const value = x[r * width + i]!;
      for (let j = 0; j < width; j++) row[j]! += value * flat[i * width + j]!;
    }
    out.set(row, r * width);
  }
  return out;
}

/** aᵀb of two (rows, width) matrices, made symmetric: (width, width). */
function innerProducts(a: Float32Array, b: Float32Array, width: number): Matrix {
  const products = new Float64Array(width * width);
  for (let r = 0; r < a.length / width; r++) {
    for (let i = 0; i < width; i++) {
      const value = a[r * width + i]!;
      for (let j = 0; j < width; j++) products[i * width + j]! += value * b[r * width + j]!;
    }
  }
  const matrix = Matrix.from1DArray(width, width, products);
  return matrix.clone().add(matrix.transpose()).mul(0.5);
}

/** Eigenvalues, falling, and eigenvectors (columns) of a symmetric matrix. */
function symmetricEigen(matrix: Matrix): { values: number[]; vectors: Matrix } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((i, j) => realEigenvalues[j]! - realEigenvalues[i]!);
  return { values: order.map((i) => realEigenvalues[i]!), vectors: eigenvectorMatrix.subMatrixColumn(order) };
}
