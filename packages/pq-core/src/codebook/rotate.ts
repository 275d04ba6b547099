/**
 * Rotation of row vectors: x·R into the codebook's space, y·Rᵀ back. R is orthogonal, so Rᵀ is its inverse.
 */

/**
 * One vector, y = x·R, in float32 with the terms added in the order of x.
 * Every kernel adds in this order, which makes their results equal bit by bit.
 *
 * @param rotation (dim, dim) row-major, or undefined for the identity
 * @param out (dim), must not be `x`
 */
export function rotateVector(rotation: Float32Array | undefined, x: Float32Array, out: Float32Array): void {
  if (rotation === undefined) {
    out.set(x);
    return;
  }
  const dim = x.length;
  out.fill(0);
  for (let i = 0; i < dim; i++) {
    const xi = x[i]!;
    const row = i * dim;
    for (let j = 0; j < dim; j++) out[j] = Math.fround(out[j]! + Math.fround(xi * rotation[row + j]!));
  }
}

/** Rows of (n, dim) by x·R; the input is returned as it is when there is no rotation. */
export function rotateRows(rotation: Float32Array | undefined, vectors: Float32Array, dim: number): Float32Array {
  if (rotation === undefined) return vectors;
  const rotated = new Float32Array(vectors.length);
  for (let start = 0; start < vectors.length; start += dim) {
    rotateVector(rotation, vectors.subarray(start, start + dim), rotated.subarray(start, start + dim));
  }
  return rotated;
}

/** Rows of (n, dim) by y·Rᵀ, in place. */
export function unrotateRows(rotation: Float32Array | undefined, vectors: Float32Array, dim: number): void {
  if (rotation === undefined) return;
  const row = new Float64Array(dim);
  for (let start = 0; start < vectors.length; start += dim) {
    for (let i = 0; i < dim; i++) {
      let sum = 0;
      for (let j = 0; j < dim; j++) sum += vectors[start + j]! * rotation[i * dim + j]!;
      row[i] = sum;
    }
    vectors.set(row, start);
  }
}
