import type { Random } from "./random.ts";

export interface KmeansOptions {
  /** Points, (n, dim) row-major. */
  data: Float32Array;
  dim: number;
  numCentroids: number;
  maxIterations: number;
  /** Stops when a smaller share of the points changes cell. */
  changeThreshold: number;
  start: "kmeans++" | "balanced" | Float32Array;
  random: Random;
}

export interface Clustering {
  /** (numCentroids, dim). */
  centroids: Float32Array;
  /** (n), the nearest centroid of each point. */
  assignments: Int32Array;
  /** (numCentroids), points of each cell. */
  counts: Int32Array;
  iterations: number;
}

/**
 * Lloyd's k-means, seeded, with cells that run empty refilled by the points that are farthest from their centroids.
 * Starts from k-means++ (Arthur and Vassilvitskii, SODA 2007), from a random balanced assignment (the original
 * release) or from given centroids.
 */
export function kmeans(options: KmeansOptions): Clustering {
  const { data, dim, numCentroids, maxIterations, changeThreshold, start, random } = options;
  const n = data.length / dim;
  const assignments = new Int32Array(n).fill(-1);
  const squaredDistances = new Float32Array(n);
  const counts = new Int32Array(numCentroids);
  let centroids: Float32Array;
  if (start === "balanced") {
    const order = random.permutation(n);
    for (let i = 0; i < n; i++) assignments[order[i]!] = i % numCentroids;
    centroids = new Float32Array(numCentroids * dim);
    moveCentroids(data, dim, assignments, centroids, counts);
  } else if (start === "kmeans++") {
    centroids = spreadCentroids(data, dim, numCentroids, random);
  } else {
    centroids = start.slice();
  }
  let iterations = 0;
  while (iterations < maxIterations) {
    iterations++;
    const moved = assignNearest(data, dim, centroids, assignments, squaredDistances);
    moveCentroids(data, dim, assignments, centroids, counts);
    refillEmpty(data, dim, assignments, squaredDistances, centroids, counts);
    if (moved < changeThreshold * n) break;
  }
  assignNearest(data, dim, centroids, assignments, squaredDistances);
  counts.fill(0);
  for (let i = 0; i < n; i++) counts[assignments[i]!]!++;
  return { centroids, assignments, counts, iterations };
}

/**
 * Sets each point's nearest centroid and squared distance; returns how many points changed cell. Four centroids at a
 * time and doubles throughout, which is about three times as fast as the plain loop over single-precision arrays.
 */
export function assignNearest(
  data: Float32Array,
  dim: number,
  centroids: Float32Array,
  assignments: Int32Array,
  squaredDistances?: Float32Array,
): number {
  const k = centroids.length / dim;
  // Padding repeats the last centroid: with `>` below it can never win.
  const padded = (k + 3) & ~3;
  const table = new Float64Array(padded * dim);
  const halfNorms = new Float64Array(padded);
  for (let c = 0; c < padded; c++) {
    let sum = 0;
    for (let d = 0; d < dim; d++) {
      const value = centroids[Math.min(c, k - 1) * dim + d]!;
      table[c * dim + d] = value;
      sum += value * value;
    }
    halfNorms[c] = sum / 2;
  }
  const point = new Float64Array(dim);
  let moved = 0;
  for (let i = 0; i < assignments.length; i++) {
    let norm = 0;
    for (let d = 0; d < dim; d++) {
      const value = data[i * dim + d]!;
      point[d] = value;
      norm += value * value;
    }
    let best = 0;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < padded; c += 4) {
      let s0 = -halfNorms[c]!;
      let s1 = -halfNorms[c + 1]!;
      let s2 = -halfNorms[c + 2]!;
      let s3 = -halfNorms[c + 3]!;
      const at = c * dim;
      for (let d = 0; d < dim; d++) {
        const value = point[d]!;
        s0 += value * table[at + d]!;
        s1 += value * table[at + dim + d]!;
        s2 += value * table[at + 2 * dim + d]!;
        s3 += value * table[at + 3 * dim + d]!;
      }
      if (s0 > bestScore) {
        bestScore = s0;
        best = c;
      }
      if (s1 > bestScore) {
        bestScore = s1;
        best = c + 1;
      }
      if (s2 > bestScore) {
        bestScore = s2;
        best = c + 2;
      }
      if (s3 > bestScore) {
        bestScore = s3;
        best = c + 3;
      }
    }
    if (assignments[i] !== best) moved++;
    assignments[i] = best;
    if (squaredDistances) squaredDistances[i] = Math.max(0, norm - 2 * bestScore);
  }
  return moved;
}

/** Puts every centroid at the mean of its points; a centroid without points stays where it is. */
export function moveCentroids(
  data: Float32Array,
  dim: number,
  assignments: Int32Array,
  centroids: Float32Array,
  counts: Int32Array,
): void {
  const sums = new Float64Array(centroids.length);
  counts.fill(0);
  for (let i = 0; i < assignments.length; i++) {
    const cell = assignments[i]!;
    counts[cell]!++;
    for (let d = 0; d < dim; d++) sums[cell * dim + d]! += data[i * dim + d]!;
  }
  for (let c = 0; c < counts.length; c++) {
    if (counts[c] === 0) continue;
    for (let d = 0; d < dim; d++) centroids[c * dim + d] = sums[c * dim + d]! / counts[c]!;
  }
}

function refillEmpty(
  data: Float32Array,
  dim: number,
  assignments: Int32Array,
  squaredDistances: Float32Array,
  centroids: Float32Array,
  counts: Int32Array,
): void {
  for (let c = 0; c < counts.length; c++) {
    if (counts[c] !== 0) continue;
    let farthest = -1;
    for (let i = 0; i < assignments.length; i++) {
      // A cell of one point would only run empty in turn.
      if (counts[assignments[i]!]! < 2) continue;
      if (farthest < 0 || squaredDistances[i]! > squaredDistances[farthest]!) farthest = i;
    }
    if (farthest < 0) return;
    counts[assignments[farthest]!]!--;
    counts[c] = 1;
    assignments[farthest] = c;
    squaredDistances[farthest] = 0;
    centroids.set(data.subarray(farthest * dim, (farthest + 1) * dim), c * dim);
  }
}

/** k-means++: each next centroid is a point drawn with probability proportional to its squared distance so far. */
function spreadCentroids(data: Float32Array, dim: number, numCentroids: number, random: Random): Float32Array {
  const n = data.length / dim;
  const centroids = new Float32Array(numCentroids * dim);
  const nearest = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  let chosen = random.integer(n);
  for (let c = 0; c < numCentroids; c++) {
    centroids.set(data.subarray(chosen * dim, (chosen + 1) * dim), c * dim);
    let total = 0;
    for (let i = 0; i < n; i++) {
      let distance = 0;
      for (let d = 0; d < dim; d++) distance += (data[i * dim + d]! - data[chosen * dim + d]!) ** 2;
      if (distance < nearest[i]!) nearest[i] = distance;
      total += nearest[i]!;
    }
    if (total === 0) {
      // Fewer distinct points than centroids: any point does.
      chosen = random.integer(n);
      continue;
    }
    let left = random.uniform() * total;
    for (let i = 0; i < n; i++) {
      left -= nearest[i]!;
      if (nearest[i]! > 0) chosen = i;
      if (left < 0) break;
    }
  }
  return centroids;
}
