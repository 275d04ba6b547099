import * as tf from "@tensorflow/tfjs-core";
import { asColumn, asInts, gatherRows } from "../device/gather-rows.ts";
import type { Codes } from "./codes-kernel.ts";

/**
 * The nearest centroids of sub-vectors on a device: one product for all sub-quantizers, however many they are.
 * @param residual (n, dim), @param centroids (M, ksub, subDim) with M·subDim = dim
 */
export function codesOnDevice(residual: tf.Tensor2D, centroids: tf.Tensor3D): Codes {
  return tf.tidy(() => {
    const [m, ksub, subDim] = centroids.shape;
    const n = residual.shape[0];
    const bias = tf.mul(tf.sum(tf.square(centroids), 2), -0.5);
    const products = tf.matMul(bySubQuantizer(residual, m), centroids, false, true);
    const codes: tf.Tensor2D = tf.transpose(tf.argMax(tf.add(products, tf.reshape(bias, [m, 1, ksub])), 2));
    // added as floats: see asColumn
    const offsets = tf.tensor1d(Float32Array.from({ length: m }, (_, j) => j * ksub));
    const rows = asColumn(tf.add(tf.cast(codes, "float32"), offsets));
    const table = tf.reshape<tf.Rank.R2>(centroids, [m * ksub, subDim]);
    return {
      codes,
      rows: asInts(tf.reshape<tf.Rank.R1>(rows, [n * m])),
      decoded: tf.reshape<tf.Rank.R2>(gatherRows(table, asInts(rows)), [n, m * subDim]),
    };
  });
}

/** (n, M·w) → (M, n, w) */
export function bySubQuantizer(x: tf.Tensor2D, m: number): tf.Tensor3D {
  const [n, width] = x.shape;
  return tf.transpose(tf.reshape<tf.Rank.R3>(x, [n, m, width / m]), [1, 0, 2]);
}
