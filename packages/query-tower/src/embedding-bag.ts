/**
 * Embedding rows of hashed features, int8 with one float scale a row: row r of feature h is r = h mod numBuckets and its
 * value is scales[r] * values[r * embeddingDim + d]. A scale of 0 marks a row that training never touched; such a row is
 * unknown, and counts for nothing.
 */
export interface EmbeddingTable {
  readonly numBuckets: number;
  readonly embeddingDim: number;
  /** (numBuckets) */
  readonly scales: Float32Array;
  /** (numBuckets, embeddingDim) */
  readonly values: Int8Array;
}

/** Quantizes float rows (numBuckets, embeddingDim) to int8, one scale a row: max |x| / 127. Rows not in `known` become 0. */
export function quantizeTable(
  rows: Float32Array,
  embeddingDim: number,
  known: (row: number) => boolean,
): EmbeddingTable {
  const numBuckets = rows.length / embeddingDim;
  if (!Number.isInteger(numBuckets)) {
    throw new RangeError(
      `[query-tower] "rows" expected a multiple of embeddingDim ${embeddingDim}, got length ${rows.length}`,
    );
  }
  const scales = new Float32Array(numBuckets);
  const values = new Int8Array(rows.length);
  for (let row = 0; row < numBuckets; row++) {
    if (!known(row)) continue;
    const start = row * embeddingDim;
    let largest = 0;
    for (let d = 0; d < embeddingDim; d++) largest = Math.max(largest, Math.abs(rows[start + d]!));
    if (!Number.isFinite(largest))
      throw new RangeError(`[query-tower] "rows" expected finite numbers, got ${largest} in row ${row}`);
    if (largest === 0) continue;
    const scale = Math.fround(largest / 127);
    scales[row] = scale;
    for (let d = 0; d < embeddingDim; d++) values[start + d] = Math.round(rows[start + d]! / scale);
  }
  return { numBuckets, embeddingDim, scales, values };
}

/** The float rows (numBuckets, embeddingDim) that an int8 table stands for. */
export function dequantizeTable(table: EmbeddingTable): Float32Array {
  const { embeddingDim, scales, values } = table;
  const rows = new Float32Array(values.length);
  for (let i = 0; i < rows.length; i++) rows[i] = scales[Math.floor(i / embeddingDim)]! * values[i]!;
  return rows;
}

/** The mean row of the known features, (embeddingDim); zeros when none is known. Duplicated features weigh twice. */
export function embeddingBag(table: EmbeddingTable, hashes: Uint32Array): Float64Array {
  const { numBuckets, embeddingDim, scales, values } = table;
  const bag = new Float64Array(embeddingDim);
  let known = 0;
  for (const hash of hashes) {
    const row = hash % numBuckets;
    const scale = scales[row]!;
    if (scale === 0) continue;
    known++;
    const start = row * embeddingDim;
    for (let d = 0; d < embeddingDim; d++) bag[d]! += scale * values[start + d]!;
  }
  if (known > 0) for (let d = 0; d < embeddingDim; d++) bag[d]! /= known;
  return bag;
}
