/** Rows of (count, dim). */
export function gather(items: Float32Array, rows: ArrayLike<number>, dim: number): Float32Array {
  const gathered = new Float32Array(rows.length * dim);
  for (let i = 0; i < rows.length; i++) {
    gathered.set(items.subarray(rows[i]! * dim, (rows[i]! + 1) * dim), i * dim);
  }
  return gathered;
}
