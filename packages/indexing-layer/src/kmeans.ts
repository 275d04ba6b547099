import * as tf from "@tensorflow/tfjs-core";
import { nearness } from "./quantize.ts";
import type { Random } from "./random.ts";

/** What to cluster, and how. */
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

/** What k-means found. */
export interface Clustering {
  /** (numCentroids, dim). */
  readonly centroids: Float32Array;
  /** (n), the nearest centroid of each point. */
  readonly assignments: Int32Array;
  /** (numCentroids), points of each cell. */
  readonly counts: Int32Array;
}

/** A clustering under way, whose arrays are changed in place. */
interface Cells extends Clustering {
  readonly data: Float32Array;
  readonly dim: number;
  /** (n), of each point to its centroid. */
  readonly squaredDistances: Float32Array;
}

/**
 * Lloyd's k-means, seeded, with cells that run empty refilled by the points that are farthest from their centroids.
 * Starts from k-means++ (Arthur and Vassilvitskii, SODA 2007), from a random balanced assignment (the original
 * release) or from given centroids.
 */
export async function kmeans(options: KmeansOptions): Promise<Clustering> {
  const { data, dim, numCentroids, maxIterations, changeThreshold, start, random } = options;
  const n = data.length / dim;
  const assignments = new Int32Array(n).fill(-1);
  const counts = new Int32Array(numCentroids);
  const centroids = new Float32Array(numCentroids * dim);
  const cells = { data, dim, centroids, assignments, counts, squaredDistances: new Float32Array(n) };
  if (start === "balanced") {
    const order = random.permutation(n);
    for (let i = 0; i < n; i++) assignments[order[i]!] = i % numCentroids;
    moveCentroids(cells);
  } else {
    centroids.set(start === "kmeans++" ? spreadCentroids(data, dim, numCentroids, random) : start);
  }
  for (let i = 0; i < maxIterations; i++) {
    const moved = await assignNearest(cells);
    moveCentroids(cells);
    refillEmpty(cells);
    if (moved < changeThreshold * n) break;
  }
  await assignNearest(cells);
  counts.fill(0);
  for (let i = 0; i < n; i++) counts[assignments[i]!]!++;
  return { centroids, assignments, counts };
}

/** Numbers of one score matrix, 16 MB: points are assigned in chunks of as many rows as fit. */
const MAX_SCORES = 1 << 22;

/** Sets each point's nearest centroid and squared distance on the backend; returns how many changed cell. */
export async function assignNearest(cells: Omit<Cells, "counts">): Promise<number> {
  const { data, dim, centroids, assignments, squaredDistances } = cells;
  const n = assignments.length;
  const chunkRows = Math.max(1, Math.floor((MAX_SCORES * dim) / centroids.length));
  let moved = 0;
  for (let from = 0; from < n; from += chunkRows) {
    const rows = Math.min(chunkRows, n - from);
    const [best, distance] = tf.tidy(() => {
      const points = tf.tensor2d(data.subarray(from * dim, (from + rows) * dim), [rows, dim]);
      const scores = nearness(points, tf.tensor2d(centroids, [centroids.length / dim, dim]));
      const squares = tf.sum(tf.square(points), 1);
      return [tf.argMax(scores, 1), tf.relu(tf.sub(squares, tf.mul(tf.max(scores, 1), 2)))];
    });
    const [nearest, distances] = await Promise.all([best.data(), distance.data()]);
    tf.dispose([best, distance]);
    for (let i = 0; i < rows; i++) if (assignments[from + i] !== nearest[i]) moved++;
    assignments.set(nearest, from);
    squaredDistances.set(distances, from);
  }
  return moved;
}

/** Puts every centroid at the mean of its points; a centroid without points stays where it is. */
function moveCentroids({ data, dim, assignments, centroids, counts }: Cells): void {
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

function refillEmpty({ data, dim, assignments, squaredDistances, centroids, counts }: Cells): void {
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
