import * as tf from "@tensorflow/tfjs-core";
import { bySubQuantizer } from "./codes/device-codes.ts";
import { isOnDevice } from "./device/on-device.ts";
import { oneHot } from "./device/one-hot.ts";
import type { Assignment } from "./losses/loss.ts";
import { sumRows } from "./quantize.ts";

/**
 * Which centroids the vectors of a batch belong to, for sums of what belongs to each. On a device these are products
 * with a matrix of ones and zeros, whose order is the same in every run; there scatters add in the order in which
 * threads arrive.
 */
export interface Uses {
  /** (centroids, 1) vectors of each; made once. */
  counts(): tf.Tensor2D;
  /** (n, dim) → (centroids, width): dim wide for cells, dim / M for the centroids of sub-quantizers. */
  sumsOf(values: tf.Tensor2D): tf.Tensor2D;
}

/** @param cells (n) int32 */
export function usesOfCells(cells: tf.Tensor1D, nlist: number): Uses {
  if (!isOnDevice()) return scattered(cells, nlist, (values) => values);
  const ones = oneHot(cells, nlist) as tf.Tensor2D;
  return {
    counts: once(() => tf.reshape(tf.sum(ones, 0), [nlist, 1])),
    sumsOf: (values) => tf.matMul(ones, values, true),
  };
}

/** @param ksub centroids of each sub-quantizer */
export function usesOfCodes({ codes, rows }: Pick<Assignment, "codes" | "rows">, ksub: number): Uses {
  const [n, m] = codes.shape;
  const numCentroids = m * ksub;
  if (!isOnDevice()) {
    return scattered(rows, numCentroids, (values) => tf.reshape(values, [n * m, values.shape[1] / m]));
  }
  const ones = oneHot(tf.transpose(codes), ksub) as tf.Tensor3D;
  return {
    // exact in any order: they are whole numbers
    counts: once(() => tf.reshape(tf.sum(ones, 1), [numCentroids, 1])),
    sumsOf: (values) =>
      tf.reshape(tf.matMul(ones, bySubQuantizer(values, m), true), [numCentroids, values.shape[1] / m]),
  };
}

function scattered(rows: tf.Tensor1D, numCentroids: number, cut: (values: tf.Tensor2D) => tf.Tensor2D): Uses {
  return {
    counts: once(() => sumRows(rows, tf.ones([rows.shape[0], 1]), numCentroids)),
    sumsOf: (values) => sumRows(rows, cut(values), numCentroids),
  };
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
