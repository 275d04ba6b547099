import { isOnDevice, sumByList, withGradient } from "@poeem/indexing-layer";
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
export function takeRows(x: tf.Tensor2D, rows: ArrayLike<number>): tf.Tensor2D {
  const numbers = Int32Array.from(rows);
  // on a device as rows are taken everywhere: see `rowsOf` in the indexing layer
  const taken = isOnDevice()
    ? tf.gatherND(x, tf.tensor2d(numbers, [numbers.length, 1], "int32"))
    : tf.gather(x, tf.tensor1d(numbers, "int32"));
  return withGradient([x], taken as tf.Tensor2D, [], (dy) => [sumByList(dy, numbers, x.shape[0])]);
}
