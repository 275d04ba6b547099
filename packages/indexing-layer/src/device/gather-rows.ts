import * as tf from "@tensorflow/tfjs-core";
import { isOnDevice } from "./on-device.ts";

/**
 * Rows of a table (rows, width): (n, width). Not by `gather`, which TensorFlow's node backend does not begin before it
 * has read all numbers back and looked at each.
 *
 * @param at (n, 1) int32
 */
export function gatherRows(table: tf.Tensor2D, at: tf.Tensor2D): tf.Tensor2D {
  return tf.gatherND(table, at) as tf.Tensor2D;
}

/** Rows of a table (rows, width) by numbers (n) int32 that the backend has: (n, width). */
export function rowsOf(table: tf.Tensor2D, numbers: tf.Tensor1D): tf.Tensor2D {
  return isOnDevice() ? gatherRows(table, asInts(asColumn(numbers))) : tf.gather(table, numbers);
}

/**
 * Integers of any shape as floats, a column of them: TensorFlow reshapes, slices and adds integers on the host, for
 * which a GPU's have to be read back. Exact up to 2^24.
 */
export function asColumn(numbers: tf.Tensor): tf.Tensor2D {
  return tf.reshape(tf.cast(numbers, "float32"), [numbers.size, 1]);
}

/** The way back. */
export function asInts<T extends tf.Tensor>(numbers: T): T {
  return tf.cast(numbers, "int32");
}
