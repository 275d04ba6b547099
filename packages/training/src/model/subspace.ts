import type { Random } from "@poeem/indexing-layer";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Of a subspace iteration: directions more than are kept, so that the last ones kept have settled too; and rounds. */
export const SPARE = 12;
export const ROUNDS = 7;

/**
 * The leading eigenvectors of a symmetric matrix (size, size) by subspace iteration (Halko, Martinsson & Tropp, SIAM
 * Review 2011, algorithm 4.4), as `basis` · `vectors`, with their eigenvalues, falling.
 * @param multiply X (size, width) ↦ the matrix times X
 */
export function leadingEigen(
  multiply: (x: Float32Array) => Float32Array,
  size: number,
  width: number,
  random: Random,
): { basis: Float32Array; values: number[]; vectors: Matrix } {
  let basis = orthonormalize(
    Float32Array.from({ length: size * width }, () => random.normal()),
    width,
  );
  for (let round = 0; round < ROUNDS; round++) basis = orthonormalize(multiply(basis), width);
  return { basis, ...symmetricEigen(innerProducts(basis, multiply(basis), width)) };
}

/** Orthonormal columns with the span of x (rows, width): x · V · Λ^(−1/2), xᵀx = V Λ Vᵀ. Done twice. */
export function orthonormalize(x: Float32Array, width: number): Float32Array {
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
export function times(x: Float32Array, factor: Matrix, width: number): Float32Array {
  const flat = Float64Array.from(factor.to1DArray());
  const out = new Float32Array(x.length);
  const row = new Float64Array(width);
  for (let start = 0; start < x.length; start += width) {
    row.fill(0);
    let i = 0;
    // four terms a round, added in their order
    for (; i + 4 <= width; i += 4) {
      const [a, b, c, d] = [x[start + i]!, x[start + i + 1]!, x[start + i + 2]!, x[start + i + 3]!];
      for (let j = 0, at = i * width; j < width; j++, at++) {
        const sum = row[j]! + a * flat[at]! + b * flat[at + width]!;
        row[j] = sum + c * flat[at + 2 * width]! + d * flat[at + 3 * width]!;
      }
    }
    for (; i < width; i++) for (let j = 0; j < width; j++) row[j]! += x[start + i]! * flat[i * width + j]!;
    out.set(row, start);
  }
  return out;
}

/** aᵀb of two (rows, width) matrices, made symmetric: (width, width). */
export function innerProducts(a: Float32Array, b: Float32Array, width: number): Matrix {
  const matrix = crossProducts(a, b, width);
  return matrix.clone().add(matrix.transpose()).mul(0.5);
}

/** aᵀb of two (rows, width) matrices: (width, width). */
export function crossProducts(a: Float32Array, b: Float32Array, width: number): Matrix {
  const products = new Float64Array(width * width);
  const four = 4 * width;
  let start = 0;
  // four rows a round, added in their order
  for (; start + four <= a.length; start += four) {
    for (let i = 0; i < width; i++) {
      const at = start + i;
      const [p, q, r, s] = [a[at]!, a[at + width]!, a[at + 2 * width]!, a[at + 3 * width]!];
      for (let j = 0, from = start; j < width; j++, from++) {
        const sum = products[i * width + j]! + p * b[from]! + q * b[from + width]!;
        products[i * width + j] = sum + r * b[from + 2 * width]! + s * b[from + 3 * width]!;
      }
    }
  }
  for (; start < a.length; start += width) {
    for (let i = 0; i < width; i++) {
      for (let j = 0; j < width; j++) products[i * width + j]! += a[start + i]! * b[start + j]!;
    }
  }
  return Matrix.from1DArray(width, width, products);
}

/** Eigenvalues, falling, and eigenvectors (columns) of a symmetric matrix. */
export function symmetricEigen(matrix: Matrix): { values: number[]; vectors: Matrix } {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((i, j) => realEigenvalues[j]! - realEigenvalues[i]!);
  return { values: order.map((i) => realEigenvalues[i]!), vectors: eigenvectorMatrix.subMatrixColumn(order) };
}
