import { nearestOrthogonal, Random } from "@poeem/indexing-layer";
import type { Codebook, EncodedVectors } from "@poeem/pq-core";
import { createCodebook, decode } from "@poeem/pq-core/write";
import * as tf from "@tensorflow/tfjs";
import { encodeItems } from "../model/encode-items.ts";

/** Turns of the rotation, and Lloyd steps behind the last of them; docs/experiments/vectors.md has the figures. */
const TURNS = 30;
const SETTLING = 10;
/** Numbers that the rotation is turned by: it says far fewer itself, and most of the work is done for it. */
const TURNED = 1 << 24;
/** Vectors that it is turned by for each centroid and for each number, at least. */
const TURNED_EACH = 8;

export type QuantizerShape = Pick<Codebook, "dim" | "nlist" | "numSubQuantizers" | "nbits"> & {
  readonly seed: number;
};

/**
 * Cells and sub-quantizers of what they leave over, with the rotation that suits both: Lloyd steps in turns with the
 * rotation of the vectors onto what they are decoded to (OPQ; Ge et al., CVPR 2013, section 3.2.1). Codes come from
 * pq-core's kernel. Centroids start at vectors that are drawn: k-means++ starts too many of them at odd ones, which
 * makes the mean error no smaller and that of most vectors larger.
 *
 * @param vectors (n, dim), n at least nlist and 2^nbits
 * @param most numbers that the rotation is turned by, where that is enough for all centroids
 * @returns a codebook for inner products
 */
export async function turnedQuantizers(
  vectors: Float32Array,
  { seed, ...shape }: QuantizerShape,
  most = TURNED,
): Promise<Codebook> {
  const { dim, nlist, nbits } = shape;
  const random = new Random(seed);
  const turned = Math.max(Math.floor(most / dim), TURNED_EACH * Math.max(nlist, 2 ** nbits, dim));
  const few = vectors.length > turned * dim ? drawRows(vectors, dim, turned, random) : vectors;
  const codebook = createCodebook({
    ...({ ...shape, metric: "innerProduct", byResidual: nlist > 0 } as const),
    coarseCentroids: drawRows(few, dim, nlist, random),
    centroids: new Float32Array(dim << shape.nbits),
  });
  const start = await encodeItems(codebook, few);
  drawCentroids(codebook, restOf(codebook, few, start), random);
  const rotation = Float32Array.from(await turn(codebook, few, random));
  const all = tf.tensor2d(vectors, [vectors.length / dim, dim]);
  const rotated = await product(all, rotation, dim);
  all.dispose();
  for (let step = 0; step < SETTLING; step++)
    moveCentroids(codebook, rotated, await encodeItems(codebook, rotated), random);
  return { ...codebook, rotation };
}

/** Turns vectors (n, dim), and moves the centroids of the codebook in place. @returns the rotation (dim, dim) */
async function turn(codebook: Codebook, vectors: Float32Array, random: Random): Promise<Float64Array> {
  const { dim } = codebook;
  const given = tf.tensor2d(vectors, [vectors.length / dim, dim]);
  // products that transpose on their own take the wasm backend many times as long
  const transposed = tf.transpose(given);
  let [rotation, rotated] = [identity(dim), vectors];
  for (let step = 0; step < TURNS; step++) {
    const coded = await encodeItems(codebook, rotated);
    moveCentroids(codebook, rotated, coded, random);
    const decoded = decode(codebook, coded.assignments, coded.codes);
    const correlated = Float64Array.from(await product(transposed, decoded, dim));
    rotation = await nearestOrthogonal(correlated, rotation, dim);
    rotated = await product(given, Float32Array.from(rotation), dim);
  }
  tf.dispose([given, transposed]);
  return rotation;
}

/** Some of the rows, each once; zeros where there are not as many. */
function drawRows(vectors: Float32Array, dim: number, count: number, random: Random): Float32Array {
  const drawn = new Float32Array(count * dim);
  const order = random.permutation(vectors.length / dim);
  order.subarray(0, count).forEach((row, i) => {
    drawn.set(vectors.subarray(row * dim, (row + 1) * dim), i * dim);
  });
  return drawn;
}

/** Starts each sub-quantizer at parts of vectors that are drawn. */
function drawCentroids(codebook: Codebook, rest: Float32Array, random: Random): void {
  const { dim, numSubQuantizers: M, numCentroids, subDim, centroids } = codebook;
  for (let m = 0; m < M; m++) {
    const drawn = drawRows(rest, dim, numCentroids, random);
    for (let c = 0; c < numCentroids; c++) {
      const from = c * dim + m * subDim;
      centroids.set(drawn.subarray(from, from + subDim), (m * numCentroids + c) * subDim);
    }
  }
}

/** Vectors less the centroids of their cells. */
function restOf({ dim, nlist, coarseCentroids }: Codebook, vectors: Float32Array, coded: EncodedVectors): Float32Array {
  const rest = vectors.slice();
  if (nlist === 0) return rest;
  coded.assignments.forEach((cell, i) => {
    for (let d = 0; d < dim; d++) rest[i * dim + d]! -= coarseCentroids[cell * dim + d]!;
  });
  return rest;
}

/** Puts every centroid, in place, at the mean of what is coded by it; one without any, where a vector drawn is. */
function moveCentroids(codebook: Codebook, rotated: Float32Array, coded: EncodedVectors, random: Random): void {
  const { dim, nlist, numSubQuantizers: M, numCentroids, subDim, coarseCentroids, centroids } = codebook;
  const { assignments, codes } = coded;
  if (nlist > 0) toMeans(coarseCentroids, dim, assignments, rotated, { at: 0, stride: dim }, random);
  const rest = restOf(codebook, rotated, coded);
  const own = new Uint32Array(assignments.length);
  for (let m = 0; m < M; m++) {
    for (let i = 0; i < own.length; i++) own[i] = codes[i * M + m]!;
    const part = centroids.subarray(m * numCentroids * subDim, (m + 1) * numCentroids * subDim);
    toMeans(part, subDim, own, rest, { at: m * subDim, stride: dim }, random);
  }
}

function identity(dim: number): Float64Array {
  return Float64Array.from({ length: dim * dim }, (_, at) => Number(at % (dim + 1) === 0));
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

/** a · b, with b of so many columns. */
async function product(a: tf.Tensor2D, b: Float32Array, columns: number): Promise<Float32Array> {
  const output = tf.tidy(() => tf.matMul(a, tf.tensor2d(b, [b.length / columns, columns])));
  const values = Float32Array.from(await output.data());
  output.dispose();
  return values;
}
