import { kmeans, type Random } from "@poeem/indexing-layer";

// Clusters of a sample are as good a start as those of all.
const MAX_SAMPLE = 16_384;
const MAX_ITERATIONS = 10;
const CHANGE_THRESHOLD = 1e-2;

/** Terms of a partition before they are fitted. */
export interface PartitionStart {
  /** (numTerms, dim) */
  readonly centers: Float32Array;
  /** (numTerms) */
  readonly bias: Float32Array;
}

/**
 * Terms that stand for clusters of items. Of n items around their mean m with the variance v in each direction, as if
 * they were normally distributed, Σ exp(scale · q·x) over a cluster is n · exp(scale · q·m + scale² · v · ‖q‖² / 2);
 * query vectors are about as long as 1.
 *
 * @param items (n, dim) drawn at random from `count`
 */
export async function clusterTerms(
  items: Float32Array,
  dim: number,
  { count, numTerms, scale }: { readonly count: number; readonly numTerms: number; readonly scale: number },
  random: Random,
): Promise<PartitionStart> {
  const data = items.subarray(0, MAX_SAMPLE * dim);
  const n = data.length / dim;
  const { centroids, assignments, counts } = await kmeans({
    ...{ data, dim, numCentroids: numTerms, random },
    ...{ maxIterations: MAX_ITERATIONS, changeThreshold: CHANGE_THRESHOLD, start: "kmeans++" },
  });
  const squares = new Float64Array(numTerms);
  for (let i = 0; i < data.length; i++) {
    const cluster = assignments[Math.floor(i / dim)]!;
    squares[cluster]! += (data[i]! - centroids[cluster * dim + (i % dim)]!) ** 2;
  }
  const bias = Float32Array.from(counts, (members, cluster) => {
    const variance = squares[cluster]! / (Math.max(members, 1) * dim);
    // an empty cluster stands for less than one item
    return Math.log((Math.max(members, 0.5) * count) / n) + (scale ** 2 * variance) / 2;
  });
  return { centers: centroids.map((value) => value * scale), bias };
}
