import { fail } from "./errors.ts";

/** How evenly one codebook is used. */
export interface CodeUsage {
  /** Items per centroid. */
  readonly counts: Uint32Array;
  /** exp of the entropy: the number of centroids that even use would need. */
  readonly perplexity: number;
  /** KL divergence of the usage from uniform, in nats. */
  readonly klToUniform: number;
  /** Half the summed absolute difference to uniform, 0..1. */
  readonly totalVariation: number;
  /** Share of centroids that no item uses. */
  readonly deadShare: number;
}

/** How well a layer quantizes some items, and how evenly it uses its codes. */
export interface LayerMetrics {
  /** Mean over items of |x - T(x)|². */
  distortion: number;
  /** Usage of the cells; null without any. */
  coarse: CodeUsage | null;
  /** Usage of each of the M sub-quantizers. */
  sub: CodeUsage[];
}

/** Usage of one codebook. @param codes numbers below `numCentroids`, any length */
export function codeUsage(codes: ArrayLike<number>, numCentroids: number): CodeUsage {
  const counts = new Uint32Array(numCentroids);
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (!(code >= 0 && code < numCentroids)) fail(`codes[${i}]`, `a number below ${numCentroids}`, code);
    counts[code]!++;
  }
  return usageOfCounts(counts);
}

/** Usage of one codebook. @param counts items per centroid */
export function usageOfCounts(counts: Uint32Array): CodeUsage {
  const numCentroids = counts.length;
  const items = counts.reduce((sum, count) => sum + count, 0);
  let entropy = 0;
  let totalVariation = 0;
  let dead = 0;
  for (const count of counts) {
    const share = items === 0 ? 0 : count / items;
    if (count === 0) dead++;
    else entropy -= share * Math.log(share);
    totalVariation += Math.abs(share - 1 / numCentroids) / 2;
  }
  return {
    counts,
    perplexity: Math.exp(entropy),
    klToUniform: Math.log(numCentroids) - entropy,
    totalVariation,
    deadShare: dead / numCentroids,
  };
}

/** Usage of each of the M sub-quantizers. @param codes (n, M) row-major */
export function subCodeUsage(codes: ArrayLike<number>, numSubQuantizers: number, numCentroids: number): CodeUsage[] {
  const n = codes.length / numSubQuantizers;
  if (!Number.isInteger(n)) fail("codes", `a multiple of ${numSubQuantizers} numbers`, codes.length);
  return Array.from({ length: numSubQuantizers }, (_, m) =>
    codeUsage(
      Array.from({ length: n }, (_, i) => codes[i * numSubQuantizers + m]!),
      numCentroids,
    ),
  );
}
