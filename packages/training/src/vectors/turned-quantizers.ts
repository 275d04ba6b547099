import { initializeCodebook, nearestOrthogonal, Random, resolveConfig } from "@poeem/indexing-layer";
import type { Codebook, EncodedVectors } from "@poeem/pq-core";
import { createCodebook, decode } from "@poeem/pq-core/write";
import * as tf from "@tensorflow/tfjs";
import { encodeItems } from "../model/encode-items.ts";

/** Lloyd steps of the rough start, turns of the rotation, and Lloyd steps behind the last of them. */
const ROUGH = 3;
const TURNS = 30;
const SETTLING = 8;

export type QuantizerShape = Pick<Codebook, "dim" | "nlist" | "numSubQuantizers" | "nbits"> & {
  readonly seed: number;
};

/**
 * Cells and sub-quantizers of what they leave over, with the rotation that suits both: Lloyd steps in turns with the
 * rotation of the vectors onto what they are decoded to (OPQ; Ge et al., CVPR 2013, section 3.2.1). Codes come from
 * pq-core's kernel, which takes a tenth of the time of the clustering that a training starts with.
 *
 * @param vectors (n, dim), n at least nlist and 2^nbits
 * @returns a codebook for inner products
 */
export async function turnedQuantizers(vectors: Float32Array, { seed, ...shape }: QuantizerShape): Promise<Codebook> {
  const { dim, nlist } = shape;
  const random = new Random(seed);
  const config = resolveConfig({
    ...shape,
    rotation: "none",
    kmeansIterations: ROUGH,
    bufferSize: vectors.length / dim,
  });
  const { coarseCentroids, centroids, rotation: start } = await initializeCodebook(vectors, config, random);
  const codebook = createCodebook({
    ...({ ...shape, metric: "innerProduct", byResidual: nlist > 0 } as const),
    ...{ coarseCentroids, centroids },
  });
  let [rotation, rotated] = [start, vectors];
  for (let step = 0; step < TURNS + SETTLING; step++) {
    const coded = await encodeItems(codebook, rotated);
    moveCentroids(codebook, rotated, coded, random);
    if (step >= TURNS) continue;
    const decoded = decode(codebook, coded.assignments, coded.codes);
    const turned = await product(vectors, decoded, dim, true);
    rotation = await nearestOrthogonal(Float64Array.from(turned), rotation, dim);
    rotated = await product(vectors, Float32Array.from(rotation), dim);
  }
  return { ...codebook, rotation: Float32Array.from(rotation) };
}

/** Puts every centroid, in place, at the mean of what is coded by it; one without any, where a vector drawn is. */
function moveCentroids(codebook: Codebook, rotated: Float32Array, coded: EncodedVectors, random: Random): void {
  const { dim, nlist, numSubQuantizers: M, numCentroids, subDim, coarseCentroids, centroids } = codebook;
  const { assignments, codes } = coded;
  const n = assignments.length;
  const rest = rotated.slice();
  if (nlist > 0) {
    toMeans(coarseCentroids, dim, assignments, rotated, { at: 0, stride: dim }, random);
    for (let i = 0, at = 0; i < n; i++) {
      for (let d = assignments[i]! * dim, end = d + dim; d < end; d++, at++) rest[at]! -= coarseCentroids[d]!;
    }
  }
  const own = new Uint32Array(n);
  for (let m = 0; m < M; m++) {
    for (let i = 0; i < n; i++) own[i] = codes[i * M + m]!;
    const part = centroids.subarray(m * numCentroids * subDim, (m + 1) * numCentroids * subDim);
    toMeans(part, subDim, own, rest, { at: m * subDim, stride: dim }, random);
  }
}

/** @param rows `width` numbers of each, from `at` on, one every `stride` */
function toMeans(
  centroids: Float32Array,
  width: number,
  assignments: Uint32Array,
  rows: Float32Array,
  { at, stride }: { at: number; stride: number },
  random: Random,
): void {
  const sums = new Float64Array(centroids.length);
  const counts = new Uint32Array(centroids.length / width);
  assignments.forEach((centroid, i) => {
    counts[centroid]!++;
    const [to, from] = [centroid * width, i * stride + at];
    for (let d = 0; d < width; d++) sums[to + d]! += rows[from + d]!;
  });
  counts.forEach((count, centroid) => {
    const [to, from] = [centroid * width, count === 0 ? random.integer(assignments.length) * stride + at : 0];
    for (let d = 0; d < width; d++) centroids[to + d] = count === 0 ? rows[from + d]! : sums[to + d]! / count;
  });
}

/** a · b, or aᵀ · b, of matrices of so many columns each. */
async function product(a: Float32Array, b: Float32Array, columns: number, isTurned = false): Promise<Float32Array> {
  const matrix = (values: Float32Array) => tf.tensor2d(values, [values.length / columns, columns]);
  // products that transpose on their own take the wasm backend many times as long
  const output = tf.tidy(() => tf.matMul(isTurned ? tf.transpose(matrix(a)) : matrix(a), matrix(b)));
  const values = Float32Array.from(await output.data());
  output.dispose();
  return values;
}
