import { FormatError } from "../errors.ts";

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
 * @param codes (n, M)
 * @param centroids (M, K, subDim)
 * @throws FormatError when a sub-quantizer uses more than 256 centroids
 */
export function narrowCodes(
  where: string,
  codes: Uint16Array,
  centroids: Float32Array,
  M: number,
  K: number,
): NarrowCodes {
  const used = Array.from({ length: M }, (_, m) =>
    Uint16Array.from(new Set(codes.filter((_code, at) => at % M === m))).sort(),
  );
  const numCentroids = Math.max(1, ...used.map(({ length }) => length));
  if (numCentroids > 256) {
    const m = used.findIndex(({ length }) => length > 256);
    const got = `${used[m]!.length} of ${K} by sub-quantizer ${m}`;
    throw new FormatError(
      where,
      `"code" expected at most 256 centroids in use by each sub-quantizer, got ${got}; ` +
        "16-bit codes cannot be kept without quantizing again",
    );
  }
  const subDim = centroids.length / (M * K);
  const narrowed = new Float32Array(M * numCentroids * subDim);
  const places = used.map((own, m) => {
    for (const [place, code] of own.entries()) {
      const from = (m * K + code) * subDim;
      narrowed.set(centroids.subarray(from, from + subDim), (m * numCentroids + place) * subDim);
    }
    return new Map(Array.from(own, (code, place) => [code, place]));
  });
  return {
    codes: Uint8Array.from(codes, (code, at) => places[at % M]!.get(code)!),
    centroids: narrowed,
    numCentroids,
  };
}
