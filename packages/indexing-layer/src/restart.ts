import type { Random } from "./random.ts";

/**
 * Re-starts centroids that have died: each centroid used less than `threshold` of its uniform share since the last look
 * is put onto a vector of the current batch, drawn with probability proportional to its squared distance from its own
 * centroid, as in k-means++ (random restarts: Dhariwal et al., arXiv 2005.00341, appendix A).
 *
 * @param centroids (numCentroids, width), changed in place
 * @param usage (numCentroids) uses since the last look
 * @param vectors (n, width) vectors of the batch
 * @param assignments (n) their centroids
 * @returns the centroids that were moved
 */
export function restartDead(
  centroids: Float32Array,
  usage: ArrayLike<number>,
  vectors: Float32Array,
  assignments: ArrayLike<number>,
  threshold: number,
  random: Random,
): number[] {
  const numCentroids = usage.length;
  const width = centroids.length / numCentroids;
  const n = vectors.length / width;
  let total = 0;
  for (let c = 0; c < numCentroids; c++) total += usage[c]!;
  const dead: number[] = [];
  for (let c = 0; c < numCentroids; c++) if (usage[c]! < (threshold * total) / numCentroids) dead.push(c);
  if (dead.length === 0) return dead;
  const weights = new Float64Array(n);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    for (let d = 0; d < width; d++) {
      weights[i]! += (vectors[i * width + d]! - centroids[assignments[i]! * width + d]!) ** 2;
    }
    sum += weights[i]!;
  }
  const moved: number[] = [];
  for (const c of dead) {
    if (!(sum > 0)) break;
    let left = random.uniform() * sum;
    let chosen = -1;
    for (let i = 0; i < n; i++) {
      if (weights[i] === 0) continue;
      chosen = i;
      left -= weights[i]!;
      if (left < 0) break;
    }
    if (chosen < 0) break;
    centroids.set(vectors.subarray(chosen * width, (chosen + 1) * width), c * width);
    // Drawn without replacement: two centroids on one spot would leave one of them dead again.
    sum -= weights[chosen]!;
    weights[chosen] = 0;
    moved.push(c);
  }
  return moved;
}
