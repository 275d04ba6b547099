import { FormatError } from "../errors.ts";

/** Code of an item's sub-quantizer m, as it stands in the file. */
export type CodeAt = (item: number, m: number) => number;

/** Codes of one byte with the centroids they point at. */
export interface NarrowCodes {
  /** (n, M) */
  readonly codes: Uint8Array;
  /** (M, numCentroids, subDim) */
  readonly centroids: Float32Array;
  /** The most centroids that one sub-quantizer uses. */
  readonly numCentroids: number;
}

/**
 * 16-bit codes as 8-bit ones, without a change of any decoded vector: each sub-quantizer keeps the centroids that its
 * codes use, in their order, and these must be 256 at most. More cannot be kept without quantizing again, and then
 * scores would be others than those of the file.
 *
 * @param items (n) the items to keep; each code below K
 * @param centroids (M, K, subDim)
 * @throws FormatError when a sub-quantizer uses more than 256 centroids
 */
export function narrowCodes(
  where: string,
  items: Uint32Array,
  codeAt: CodeAt,
  centroids: Float32Array,
  M: number,
  K: number,
): NarrowCodes {
  const isUsed = new Uint8Array(M * K);
  for (const item of items) for (let m = 0; m < M; m++) isUsed[m * K + codeAt(item, m)] = 1;
  const used = Array.from({ length: M }, (_, m) => isUsed.subarray(m * K, (m + 1) * K).reduce((a, b) => a + b, 0));
  const numCentroids = used.reduce((most, count) => Math.max(most, count), 1);
  if (numCentroids > 256) {
    const m = used.findIndex((count) => count > 256);
    const got = `${used[m]} of ${K} by sub-quantizer ${m}`;
    throw new FormatError(
      where,
      `"code" expected at most 256 centroids in use by each sub-quantizer, got ${got}; ` +
        "16-bit codes cannot be kept without quantizing again",
    );
  }
  const subDim = centroids.length / (M * K);
  const narrowed = new Float32Array(M * numCentroids * subDim);
  // places[m][code] : new code of the m-th sub-quantizer
  const places = new Uint8Array(M * K);
  for (let m = 0; m < M; m++) {
    for (let code = 0, place = 0; code < K; code++) {
      if (isUsed[m * K + code] === 0) continue;
      const from = (m * K + code) * subDim;
      narrowed.set(centroids.subarray(from, from + subDim), (m * numCentroids + place) * subDim);
      places[m * K + code] = place++;
    }
  }
  const codes = new Uint8Array(items.length * M);
  for (const [i, item] of items.entries())
    for (let m = 0; m < M; m++) codes[i * M + m] = places[m * K + codeAt(item, m)]!;
  return { codes, centroids: narrowed, numCentroids };
}
