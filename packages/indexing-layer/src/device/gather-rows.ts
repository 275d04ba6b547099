import * as tf from "@tensorflow/tfjs-core";

/**
 * Rows of a table (rows, width): (n, width). Not by `gather`, which TensorFlow's node backend does not begin before it
 * has read all numbers back and looked at each.
 *
 * @param at (n, 1) int32
 */
export function gatherRows(table: tf.Tensor2D, at: tf.Tensor2D): tf.Tensor2D {
  return tf.gatherND(table, at) as tf.Tensor2D;
}

/** Numbers that a device has, of any shape, as `gatherRows` takes them. Reshaped in floats: see entriesOfColumns. */
export function rowNumbers(numbers: tf.Tensor): tf.Tensor2D {
  return tf.cast(tf.reshape(tf.cast(numbers, "float32"), [numbers.size, 1]), "int32") as tf.Tensor2D;
}
