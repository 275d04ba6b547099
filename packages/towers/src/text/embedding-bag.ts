/**
 * Embedding rows of a vocabulary of hashed features, int8 with one float scale a row: row r belongs to the feature
 * hashes[r] and stands for scales[r] * values[r * embeddingDim + d]. A feature that is not in the vocabulary is unknown
 * and counts for nothing: with rows shared by hash modulo a table size, unknown ones would add rows of others as noise.
 */
export interface EmbeddingTable {
  readonly embeddingDim: number;
  /** (numRows) feature hashes, strictly ascending. */
  readonly hashes: Uint32Array;
  /** (numRows) */
  readonly scales: Float32Array;
  /** (numRows, embeddingDim) */
  readonly values: Int8Array;
}

/** Quantizes float rows (hashes.length, embeddingDim) to int8, one scale a row: max |x| / 127. */
export function quantizeTable(rows: Float32Array, hashes: Uint32Array, embeddingDim: number): EmbeddingTable {
  if (rows.length !== hashes.length * embeddingDim) {
    throw new RangeError(
      `[towers] "rows" expected length ${hashes.length * embeddingDim} (${hashes.length} hashes × ` +
        `${embeddingDim}), got ${rows.length}`,
    );
  }
  return { embeddingDim, hashes, ...quantizeRows(rows, embeddingDim) };
}

/** Rows (n, dim) as int8 times a scale per row, max |x| / 127. @throws RangeError for NaN and infinities */
export function quantizeRows(rows: Float32Array, dim: number): { values: Int8Array; scales: Float32Array } {
  const scales = new Float32Array(rows.length / dim);
  const values = new Int8Array(rows.length);
  for (let row = 0; row < scales.length; row++) {
    const start = row * dim;
    let largest = 0;
    for (let d = 0; d < dim; d++) largest = Math.max(largest, Math.abs(rows[start + d]!));
    if (!Number.isFinite(largest)) {
      throw new RangeError(`[towers] "rows" expected finite numbers, got ${largest} in row ${row}`);
    }
    const scale = Math.fround(largest / 127);
    scales[row] = scale;
    if (scale > 0) for (let d = 0; d < dim; d++) values[start + d] = Math.round(rows[start + d]! / scale);
  }
  return { values, scales };
}

/** The float rows (numRows, embeddingDim) that an int8 table stands for. */
export function dequantizeTable(table: EmbeddingTable): Float32Array {
  const { embeddingDim, scales, values } = table;
  const rows = new Float32Array(values.length);
  for (let i = 0; i < rows.length; i++) rows[i] = scales[Math.floor(i / embeddingDim)]! * values[i]!;
  return rows;
}

/** Row of a feature in ascending `hashes`, by binary search; −1 when it is unknown. */
export function rowOf(hashes: Uint32Array, hash: number): number {
  let low = 0;
  let high = hashes.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const found = hashes[middle]!;
    if (found === hash) return middle;
    if (found < hash) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** The mean row of the known features, (embeddingDim); zeros when none is known. Duplicated features weigh twice. */
export function embeddingBag(table: EmbeddingTable, features: Uint32Array): Float64Array {
  const { embeddingDim, hashes, scales, values } = table;
  const bag = new Float64Array(embeddingDim);
  const rows = new Uint32Array(features.length);
  let known = 0;
  for (const feature of features) {
    const row = rowOf(hashes, feature);
    if (row >= 0) rows[known++] = row;
  }
  // four rows in one pass over the bag, added one after the other
  let i = 0;
  for (; i + 4 <= known; i += 4) {
    const [a, b, c, d] = [rows[i]!, rows[i + 1]!, rows[i + 2]!, rows[i + 3]!];
    const [p, q, r, s] = [scales[a]!, scales[b]!, scales[c]!, scales[d]!];
    const [first, second] = [a * embeddingDim, b * embeddingDim];
    const [third, fourth] = [c * embeddingDim, d * embeddingDim];
    for (let k = 0; k < embeddingDim; k++)
      bag[k] =
        bag[k]! + p * values[first + k]! + q * values[second + k]! + r * values[third + k]! + s * values[fourth + k]!;
  }
  for (; i < known; i++) {
    const row = rows[i]!;
    for (let k = 0; k < embeddingDim; k++) bag[k]! += scales[row]! * values[row * embeddingDim + k]!;
  }
  if (known > 0) for (let d = 0; d < embeddingDim; d++) bag[d]! /= known;
  return bag;
}
