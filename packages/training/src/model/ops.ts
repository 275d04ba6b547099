import { isOnDevice, orderedSum, planSums, transposedLists, withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";

/**
 * a·b with gradients that transpose explicitly: on the wasm backend `matMul` with its transpose flags is up to 30
 * times slower than transposing first.  Shapes: (n, k)·(k, m) → (n, m).
 */
export function matMul(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return withGradient([a, b], tf.matMul(a, b), [a, b], (dy, saved) => {
    const [x, y] = saved as [tf.Tensor2D, tf.Tensor2D];
    return [tf.matMul(dy, tf.transpose(y)), tf.matMul(tf.transpose(x), dy)];
  });
}

/** Rows divided by their Euclidean length: (n, dim) → (n, dim). The small constant keeps a zero row at zero. */
export function l2NormalizeRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-12)));
}

/**
 * Rows of a matrix, (n, dim) → (m, dim), with a gradient: the wasm backend has none for `gather`.
 * @param rows (m) of x; a row may be there several times, and then gets the sum of their gradients
 */
export function gatherRows(x: tf.Tensor2D, rows: ArrayLike<number>): tf.Tensor2D {
  const indices = tf.tensor1d(Int32Array.from(rows), "int32");
  const gathered = tf.gather(x, indices) as tf.Tensor2D;
  if (!isOnDevice()) {
    return withGradient([x], gathered, [indices], (dy, [saved]) => [
      tf.scatterND(tf.reshape(saved!, [-1, 1]), dy, x.shape),
    ]);
  }
  const ones = { ends: Uint32Array.from(rows, (_, i) => i + 1), rows: Uint32Array.from(rows) };
  return withGradient([x], gathered, [], (dy) => [orderedSum(dy, planSums(transposedLists(ones, x.shape[0])))]);
}
