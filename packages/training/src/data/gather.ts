/** Numbers below `count`, at most `most` of them, spread evenly. */
export function spreadEvenly(count: number, most: number): Uint32Array {
  const kept = Math.min(count, most);
  return Uint32Array.from({ length: kept }, (_, i) => Math.floor((i * count) / kept));
}

/** Rows of (count, dim). */
export function gather<T extends Float32Array | Uint32Array | Uint8Array>(
  items: T,
  rows: ArrayLike<number>,
  dim: number,
): T {
  const gathered = new (items.constructor as new (length: number) => T)(rows.length * dim);
  for (let i = 0; i < rows.length; i++) {
    gathered.set(items.subarray(rows[i]! * dim, (rows[i]! + 1) * dim), i * dim);
  }
  return gathered;
}
