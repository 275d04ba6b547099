import { subCodeUsage } from "@poeem/indexing-layer";
import { type Codebook, chunkTotals, type Manifest } from "@poeem/pq-core";

type CodeShape = Pick<Codebook, "metric" | "numSubQuantizers" | "nbits">;

/** Bytes that one item's code takes in the lists, terms of the metric included. */
export function bytesPerItem({ metric, numSubQuantizers, nbits }: CodeShape): number {
  const terms = metric === "innerProduct" ? 0 : nbits === 4 ? 4.5 : 4;
  return (numSubQuantizers * nbits) / 8 + terms;
}

/** As in "16 × 4 bits of the residual". */
export function codeShape({ numSubQuantizers, nbits, byResidual }: Manifest): string {
  return `${numSubQuantizers} × ${nbits} bits${byResidual ? " of the residual" : ""}`;
}

/** Bytes of all chunks. */
export function chunkBytes(manifest: Pick<Manifest, "chunks">): number {
  return [...chunkTotals(manifest).values()].reduce((sum, { bytes }) => sum + bytes, 0);
}

/** How many chunks there are of each kind, and their bytes, in order of the first of each. */
export function chunksByKind(manifest: Pick<Manifest, "chunks">): Record<string, { count: number; bytes: number }> {
  return Object.fromEntries(
    Array.from(chunkTotals(manifest), ([kind, { count, bytes }]) => [kind, { count, bytes }] as const),
  );
}

/** How evenly the sub-quantizers are used. @param codes (n, M) row-major */
export function usageOfCodes(codebook: Codebook, codes: ArrayLike<number>) {
  const { numSubQuantizers, numCentroids } = codebook;
  const usage = subCodeUsage(codes, numSubQuantizers, numCentroids);
  const perplexities = usage.map(({ perplexity }) => perplexity);
  const sizes = usage.map(({ counts }, m) => centroidsOf(codebook, m, counts));
  const unused = usage.map(({ counts }, m) => sizes[m]! - counts.filter((count) => count > 0).length);
  return {
    usage,
    /** Centroids of the sub-quantizer that has most of them, and of all sub-quantizers together. */
    numCentroids: Math.max(...sizes),
    allCentroids: sizes.reduce((a, b) => a + b, 0),
    perplexities,
    mean: perplexities.reduce((a, b) => a + b, 0) / numSubQuantizers,
    least: Math.min(...perplexities),
    /** Centroids that no item uses, of each sub-quantizer and in all. */
    unused,
    allUnused: unused.reduce((a, b) => a + b, 0),
  };
}

/** Centroids of a sub-quantizer without the padding behind them: zeros that no code points at, as imports leave. */
function centroidsOf({ centroids, numCentroids, subDim }: Codebook, m: number, counts: Uint32Array): number {
  let kept = numCentroids;
  const isPadding = (c: number): boolean => {
    const at = (m * numCentroids + c) * subDim;
    return counts[c] === 0 && centroids.subarray(at, at + subDim).every((value) => value === 0);
  };
  while (kept > 0 && isPadding(kept - 1)) kept--;
  return kept;
}
