import { initializeCodebook, Random, resolveConfig } from "@poeem/indexing-layer";

/** A code of so many bits for each of `padded` dimensions, at least as many as a vector has. */
export interface RabitqShape {
  readonly bits: number;
  readonly padded: number;
}

/** What the estimator needs of an item beside its code: one factor, in half precision. */
export const FACTOR_BYTES = 2;

/** The shapes of so many bytes of code for vectors of `dim` dimensions: one bit of many, and more bits of fewer. */
export function shapesOf(bytes: number, dim: number): RabitqShape[] {
  return [1, 2, 4, 8]
    .map((bits) => ({ bits, padded: (8 * bytes) / bits }))
    .filter(({ padded }) => Number.isInteger(padded) && padded >= dim);
}

/**
 * RaBitQ (Gao and Long, SIGMOD 2024; more bits: SIGMOD 2025), which needs no training: a vector's residual of the
 * nearest of `nlist` centroids is padded with zeros, turned at random and coded as the grid point y of the nearest
 * direction. Its product with a query is estimated as |r|² / (y·r) · y·q, which is linear in q: so these are the
 * vectors whose products with a query are the estimates.
 *
 * @param vectors (items, dim)
 * @param nlist 0 or 1: the residual of the mean
 */
export async function rabitqVectors(
  vectors: Float32Array,
  dim: number,
  shape: RabitqShape,
  nlist: number,
  seed: number,
): Promise<Float32Array> {
  const count = vectors.length / dim;
  const centroids = await centroidsOf(vectors, dim, nlist, seed);
  const rotation = randomRotation(dim, shape.padded, new Random(seed));
  const estimated = new Float32Array(vectors.length);
  const residual = new Float64Array(dim);
  const turned = new Float64Array(shape.padded);
  for (let item = 0; item < count; item++) {
    const vector = vectors.subarray(item * dim, (item + 1) * dim);
    const centroid = nearest(centroids, vector, dim);
    let squared = 0;
    for (let d = 0; d < dim; d++) {
      residual[d] = vector[d]! - centroid[d]!;
      squared += residual[d]! ** 2;
    }
    turned.fill(0);
    for (let d = 0; d < dim; d++) {
      for (let p = 0; p < shape.padded; p++) turned[p]! += residual[d]! * rotation[d * shape.padded + p]!;
    }
    const code = nearestDirection(turned, shape.bits);
    let product = 0;
    for (let p = 0; p < shape.padded; p++) product += code[p]! * turned[p]!;
    const factor = product > 0 ? squared / product : 0;
    for (let d = 0; d < dim; d++) {
      let back = 0;
      for (let p = 0; p < shape.padded; p++) back += code[p]! * rotation[d * shape.padded + p]!;
      estimated[item * dim + d] = centroid[d]! + factor * back;
    }
  }
  return estimated;
}

/** (dim, padded) with orthonormal rows, from normal numbers by Gram and Schmidt: turns vectors padded with zeros. */
export function randomRotation(dim: number, padded: number, random: Random): Float64Array {
  const rows = Float64Array.from({ length: dim * padded }, () => random.normal());
  for (let i = 0; i < dim; i++) {
    const row = rows.subarray(i * padded, (i + 1) * padded);
    for (let j = 0; j < i; j++) {
      const other = rows.subarray(j * padded, (j + 1) * padded);
      const dot = row.reduce((sum, value, p) => sum + value * other[p]!, 0);
      for (let p = 0; p < padded; p++) row[p]! -= dot * other[p]!;
    }
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value ** 2, 0));
    for (let p = 0; p < padded; p++) row[p]! /= norm;
  }
  return rows;
}

/**
 * The point of the grid {±½, ±1½, …, ±(2^bits − 1)/2} with the largest cosine with a vector. Points in question are
 * those that the vector rounds to as it grows: each size at which one coordinate takes its next step.
 */
export function nearestDirection(vector: Float64Array, bits: number): Float64Array {
  const most = 2 ** (bits - 1) - 1;
  const levels = new Uint16Array(vector.length);
  const steps: { at: number; size: number }[] = [];
  for (const [at, value] of vector.entries())
    for (let level = 1; level <= most && value !== 0; level++) steps.push({ at, size: level / Math.abs(value) });
  steps.sort((a, b) => a.size - b.size);
  let product = vector.reduce((sum, value) => sum + Math.abs(value) / 2, 0);
  let squared = vector.length / 4;
  let best = product / Math.sqrt(squared);
  let taken = 0;
  for (const [i, { at }] of steps.entries()) {
    product += Math.abs(vector[at]!);
    squared += 2 * ++levels[at]!;
    const cosine = product / Math.sqrt(squared);
    if (cosine > best) [best, taken] = [cosine, i + 1];
  }
  levels.fill(0);
  for (const { at } of steps.slice(0, taken)) levels[at]!++;
  return vector.map((value, at) => (value < 0 ? -1 : 1) * (levels[at]! + 0.5));
}

/** The coarse centroids that IVF+PQ of the same shape has; without cells the mean. */
async function centroidsOf(vectors: Float32Array, dim: number, nlist: number, seed: number): Promise<Float32Array> {
  if (nlist > 1) {
    const bufferSize = vectors.length / dim;
    const config = resolveConfig({ dim, nlist, numSubQuantizers: 1, nbits: 4, rotation: "none", bufferSize, seed });
    return (await initializeCodebook(vectors, config, new Random(seed))).coarseCentroids;
  }
  const mean = new Float64Array(dim);
  for (const [i, value] of vectors.entries()) mean[i % dim]! += value / (vectors.length / dim);
  return Float32Array.from(mean);
}

function nearest(centroids: Float32Array, vector: Float32Array, dim: number): Float32Array {
  let best = Number.POSITIVE_INFINITY;
  let at = 0;
  for (let start = 0; start < centroids.length; start += dim) {
    let distance = 0;
    for (let d = 0; d < dim; d++) distance += (vector[d]! - centroids[start + d]!) ** 2;
    if (distance < best) [best, at] = [distance, start];
  }
  return centroids.subarray(at, at + dim);
}
