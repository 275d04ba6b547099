/** sum += weight · row of (n, sum.length); an unknown row counts for nothing. */
export function addRow(rows: Float32Array, row: number | undefined, weight: number, sum: Float64Array): void {
  if (row === undefined) return;
  const start = row * sum.length;
  for (let d = 0; d < sum.length; d++) sum[d]! += weight * rows[start + d]!;
}

/** Each row of (n, dim) as a view. */
export function rowsOf(rows: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: rows.length / dim }, (_, i) => rows.subarray(i * dim, (i + 1) * dim));
}
