import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Of a subspace iteration: directions more than are kept, so that the last ones kept have settled too; and rounds. */
export const SPARE = 12;
export const ROUNDS = 7;

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
export function innerProducts(a: Float32Array, b: Float32Array, width: number): Matrix {
  const matrix = crossProducts(a, b, width);
  return matrix.clone().add(matrix.transpose()).mul(0.5);
}

/** aᵀb of two (rows, width) matrices: (width, width). */
export function crossProducts(a: Float32Array, b: Float32Array, width: number): Matrix {
  const products = new Float64Array(width * width);
  for (let r = 0; r < a.length / width; r++) {
    for (let i = 0; i < width; i++) {
      const value = a[r * width + i]!;
      for (let j = 0; j < width; j++) products[i * width + j]! += value * b[r * width + j]!;
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
