import * as tf from "@tensorflow/tfjs-core";
import type { IndexingLayerConfig } from "./config.ts";
import { type Clustering, kmeans } from "./kmeans.ts";
import { nearestOrthogonal } from "./polar.ts";
import { procrustes } from "./procrustes.ts";
import type { Random } from "./random.ts";

/** Where training starts from. */
export interface InitialCodebook {
  /** (dim, dim), the identity unless OPQ was asked for. */
  rotation: Float64Array;
  /** (nlist, dim). */
  coarseCentroids: Float32Array;
  /** (M, ksub, subDim). */
  centroids: Float32Array;
  /** (nlist) and (M·ksub): samples of each cell, where the moving averages start. */
  coarseCounts: Float32Array;
  counts: Float32Array;
}

/** The sweeps of `procrustes` take cubic time in plain loops: beyond this the backend finds the rotation. */
const MOST_BY_JACOBI = 128;

/**
 * Fits coarse centroids, then sub-quantizers to what is left over, to a sample of items; before that, with OPQ,
 * alternates Lloyd steps with the Procrustes rotation of the samples onto their reconstructions (Ge et al., CVPR 2013,
 * non-parametric solution).
 *
 * @param samples (n, dim), n at least nlist and 2^nbits
 */
export async function initializeCodebook(
  samples: Float32Array,
  config: IndexingLayerConfig,
  random: Random,
): Promise<InitialCodebook> {
  const { dim } = config;
  let rotation = identityMatrix(dim);
  const { kmeansIterations } = config;
  const turns = config.rotation.startsWith("opq") ? config.opqIterations : 0;
  // Before OPQ a rough clustering will do: it is refined with every turn of the rotation.
  let fit = await fitQuantizers(samples, config, random, undefined, turns > 0 ? 3 : kmeansIterations);
  for (let i = 1; i <= turns; i++) {
    const correlated = await correlation(samples, fit.decoded, dim);
    rotation = dim > MOST_BY_JACOBI ? await nearestOrthogonal(correlated, rotation, dim) : procrustes(correlated, dim);
    const rotated = await rotateRows(samples, rotation, dim);
    fit = await fitQuantizers(rotated, config, random, fit, i < turns ? 1 : kmeansIterations);
  }
  return {
    rotation,
    coarseCentroids: fit.coarse?.centroids ?? new Float32Array(0),
    centroids: concat(fit.sub.map(({ centroids }) => centroids)),
    coarseCounts: Float32Array.from(fit.coarse?.counts ?? []),
    counts: concat(fit.sub.map(({ counts }) => counts)),
  };
}

interface Fit {
  coarse: Clustering | undefined;
  sub: Clustering[];
  /** (n, dim) reconstructions in the rotated space. */
  decoded: Float32Array;
}

/** @param rotated (n, dim) the samples in the rotated space */
async function fitQuantizers(
  rotated: Float32Array,
  config: IndexingLayerConfig,
  random: Random,
  before: Fit | undefined,
  maxIterations: number,
): Promise<Fit> {
  const { dim, nlist, numSubQuantizers, nbits, kmeansStart, kmeansChangeThreshold: changeThreshold } = config;
  const n = rotated.length / dim;
  const subDim = dim / numSubQuantizers;
  const cluster = (data: Float32Array, dim: number, numCentroids: number, last?: Clustering): Promise<Clustering> => {
    const start = last?.centroids ?? kmeansStart;
    return kmeans({ data, dim, numCentroids, maxIterations, changeThreshold, start, random });
  };
  const coarse = nlist > 0 ? await cluster(rotated, dim, nlist, before?.coarse) : undefined;
  const decoded = new Float32Array(rotated.length);
  if (coarse) {
    for (let i = 0; i < n; i++) {
      const cell = coarse.assignments[i]!;
      decoded.set(coarse.centroids.subarray(cell * dim, (cell + 1) * dim), i * dim);
    }
  }
  const sub: Clustering[] = [];
  for (let m = 0; m < numSubQuantizers; m++) {
    const data = new Float32Array(n * subDim);
    for (let i = 0; i < n; i++) {
      for (let d = 0; d < subDim; d++) {
        const at = i * dim + m * subDim + d;
        data[i * subDim + d] = rotated[at]! - (config.initializeOn === "residual" ? decoded[at]! : 0);
      }
    }
    const own = await cluster(data, subDim, 1 << nbits, before?.sub[m]);
    for (let i = 0; i < n; i++) {
      const from = own.assignments[i]! * subDim;
      for (let d = 0; d < subDim; d++) decoded[i * dim + m * subDim + d]! += own.centroids[from + d]!;
    }
    sub.push(own);
  }
  return { coarse, sub, decoded };
}

/** (d, d) row-major. */
export function identityMatrix(d: number): Float64Array {
  const out = new Float64Array(d * d);
  for (let i = 0; i < d; i++) out[i * d + i] = 1;
  return out;
}

/** Xᵀ·Y for two (n, d) arrays: (d, d). */
async function correlation(x: Float32Array, y: Float32Array, d: number): Promise<Float64Array> {
  const product = tf.tidy(() => {
    const shape: [number, number] = [x.length / d, d];
    return tf.matMul(tf.transpose(tf.tensor2d(x, shape)), tf.tensor2d(y, shape));
  });
  return Float64Array.from(await readAndDispose(product));
}

/** Rows times a (d, d) matrix: x·R. */
async function rotateRows(x: Float32Array, rotation: Float64Array, d: number): Promise<Float32Array> {
  return readAndDispose(
    tf.tidy(() => tf.matMul(tf.tensor2d(x, [x.length / d, d]), tf.tensor2d(Float32Array.from(rotation), [d, d]))),
  );
}

async function readAndDispose(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return values;
}

const concat = (parts: readonly ArrayLike<number>[]): Float32Array =>
  Float32Array.from(parts.flatMap((part) => Array.from(part)));
