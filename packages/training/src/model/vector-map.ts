import type { Vectors } from "../data/types.ts";

/** Products of the unit vector of a row with a matrix: what takes the time of a map of embeddings. */

/** One over the norm of the vector at `start`. */
function inverseNorm(vectors: Float32Array, start: number, length: number): number {
  let largest = 0;
  for (let i = start; i < start + length; i++) largest = Math.max(largest, Math.abs(vectors[i]!));
  let squared = 0;
  for (let i = start; i < start + length; i++) squared += (vectors[i]! / largest) ** 2;
  return 1 / (largest * Math.sqrt(squared));
}

/** (rows.length, length) the vectors of some rows at unit length. */
export function unitVectors({ length, values }: Vectors, rows: ArrayLike<number>): Float32Array {
  const units = new Float32Array(rows.length * length);
  for (let row = 0; row < rows.length; row++) {
    const from = rows[row]! * length;
    const scale = inverseNorm(values, from, length);
    for (let i = 0; i < length; i++) units[row * length + i] = scale * values[from + i]!;
  }
  return units;
}

/**
 * sum (width) += unit(x) · matrix
 * @param matrix (length, width), or more rows
 */
export function addProduct(
  vectors: Float32Array,
  start: number,
  length: number,
  matrix: Float32Array,
  sum: Float64Array,
): void {
  const width = sum.length;
  const scale = inverseNorm(vectors, start, length);
  let i = 0;
  // four rows a round
  for (; i + 4 <= length; i += 4) {
    const at = start + i;
    const [a, b] = [scale * vectors[at]!, scale * vectors[at + 1]!];
    const [c, d] = [scale * vectors[at + 2]!, scale * vectors[at + 3]!];
    for (let w = 0, from = i * width; w < width; w++, from++) {
      const two = a * matrix[from]! + b * matrix[from + width]!;
      sum[w]! += two + c * matrix[from + 2 * width]! + d * matrix[from + 3 * width]!;
    }
  }
  for (; i < length; i++) {
    const value = scale * vectors[start + i]!;
    for (let w = 0; w < width; w++) sum[w]! += value * matrix[i * width + w]!;
  }
}

/** matrix (length, width) += unit(x) ⊗ y, y (width) */
export function addOuter(
  vectors: Float32Array,
  start: number,
  length: number,
  y: Float32Array | Float64Array,
  matrix: Float32Array,
): void {
  const width = y.length;
  const scale = inverseNorm(vectors, start, length);
  for (let i = 0, at = 0; i < length; i++) {
    const value = scale * vectors[start + i]!;
    for (let w = 0; w < width; w++, at++) matrix[at]! += value * y[w]!;
  }
}
