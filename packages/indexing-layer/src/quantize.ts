import * as tf from "@tensorflow/tfjs-core";
import { isOnDevice } from "./device/on-device.ts";

/*
 * Assignment and decoding as tensor ops, for backends on the host; codes/device-codes.ts has those of a device. All
 * argmins are written as argmax of y·c - |c|²/2, which has the same winner as the squared distance. Above a few
 * megaflops the wasm backend's batched matMul is far slower than its dense one, so sub-quantizers are scored together
 * through one block-diagonal matrix, or one after another when that matrix would be mostly zeros.
 */

/** Block-diagonal scoring multiplies M times too often; past this many multiply-adds per row, M calls cost less. */
const BLOCK_DIAGONAL_LIMIT = 1 << 16;

/** `y` (n, dim), `centroids` (K, dim) -> (n) int32, the nearest centroid of each row. */
export function assignCoarse(y: tf.Tensor2D, centroids: tf.Tensor2D): tf.Tensor1D {
  return tf.tidy(() => tf.argMax<tf.Tensor1D>(nearness(y, centroids), 1));
}

/** `y` (n, d), `centroids` (K, d) -> (n, K): y·c - |c|²/2, largest for the nearest centroid. */
export function nearness(y: tf.Tensor2D, centroids: tf.Tensor2D): tf.Tensor2D {
  const bias = tf.mul(tf.sum(tf.square(centroids), 1), -0.5);
  if (isOnDevice()) return tf.add(tf.matMul(y, centroids, false, true), bias);
  return tf.fused.matMul({ a: y, b: tf.transpose(centroids), bias }) as tf.Tensor2D;
}

/** `residual` (n, dim), `centroids` (M, ksub, subDim) -> (n, M) int32: codes[i][m] = argmin_k |r[i][m] - c[m][k]|². */
export function assignCodes(residual: tf.Tensor2D, centroids: tf.Tensor3D): tf.Tensor2D {
  return tf.tidy(() => {
    const [m, ksub, subDim] = centroids.shape;
    const n = residual.shape[0];
    if (m * m * ksub * subDim <= BLOCK_DIAGONAL_LIMIT) {
      const scores = tf.reshape(subNearness(residual, centroids), [n * m, ksub]);
      return tf.reshape(tf.argMax(scores, 1), [n, m]);
    }
    const transposed = tf.transpose(centroids, [0, 2, 1]);
    const bias = halfSquares(centroids);
    const columns = Array.from({ length: m }, (_, j) => {
      const part = tf.slice(residual, [0, j * subDim], [n, subDim]);
      const own = tf.reshape<tf.Rank.R2>(tf.slice(transposed, [j, 0, 0], [1, subDim, ksub]), [subDim, ksub]);
      const scores = tf.fused.matMul({ a: part, b: own, bias: tf.slice(bias, j * ksub, ksub) });
      return tf.argMax(scores, 1);
    });
    return tf.stack(columns, 1) as tf.Tensor2D;
  });
}

/** (n, dim), (M, ksub, subDim) -> (n, M·ksub), the nearness of every sub-vector to its own M-th centroids. */
export function subNearness(residual: tf.Tensor2D, centroids: tf.Tensor3D): tf.Tensor2D {
  const [m, ksub, subDim] = centroids.shape;
  const own = tf.reshape(tf.eye(m), [m, 1, m, 1]);
  const transposed = tf.reshape(tf.transpose(centroids, [0, 2, 1]), [m, subDim, 1, ksub]);
  const blockDiagonal = tf.reshape<tf.Rank.R2>(tf.mul(transposed, own), [m * subDim, m * ksub]);
  return tf.fused.matMul({ a: residual, b: blockDiagonal, bias: halfSquares(centroids) }) as tf.Tensor2D;
}

/** (M, ksub, subDim) -> (M·ksub), -|c|²/2, summed flat: the wasm kernel refuses a bias that was not rank 1. */
function halfSquares(centroids: tf.Tensor3D): tf.Tensor1D {
  const [m, ksub, subDim] = centroids.shape;
  return tf.mul(tf.sum(tf.square(tf.reshape(centroids, [m * ksub, subDim])), 1), -0.5);
}

/** `codes` (n, M) -> (n·M) int32, row numbers in the centroids seen as one (M·ksub, subDim) table. */
export function flatCodes(codes: tf.Tensor2D, ksub: number): tf.Tensor1D {
  return tf.tidy(() => {
    const [n, m] = codes.shape;
    const offsets = tf.range(0, m * ksub, ksub, "int32");
    return tf.reshape<tf.Rank.R1>(tf.add(codes, offsets), [n * m]);
  });
}

/** `rows` (n·M) from flatCodes, `centroids` (M, ksub, subDim) -> (n, dim), the concatenated centroids. */
export function decodeRows(rows: tf.Tensor1D, centroids: tf.Tensor3D): tf.Tensor2D {
  return tf.tidy(() => {
    const [m, ksub, subDim] = centroids.shape;
    const table = tf.reshape(centroids, [m * ksub, subDim]);
    return tf.reshape<tf.Rank.R2>(tf.gather(table, rows), [rows.shape[0] / m, m * subDim]);
  });
}

/** Sums the rows of `values` (n, w) that carry the same number in `rows` (n) int32: -> (numRows, w). */
export function sumRows(rows: tf.Tensor1D, values: tf.Tensor2D, numRows: number): tf.Tensor2D {
  return tf.tidy(() => {
    const indices = tf.reshape<tf.Rank.R2>(rows, [rows.shape[0], 1]);
    return tf.scatterND<tf.Rank.R2>(indices, values, [numRows, values.shape[1]]);
  });
}
