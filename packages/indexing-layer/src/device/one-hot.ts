import * as tf from "@tensorflow/tfjs-core";

/** Whole numbers (…) int32 → (…, count) floats, 1 where the last axis is at the number, else 0. */
export function oneHot(numbers: tf.Tensor, count: number): tf.Tensor {
  // TensorFlow.js knows none of a single one
  if (count === 1) return tf.fill([...numbers.shape, 1], 1);
  // the wasm backend writes the integer 1 where a float is read, which is 1e-45
  if (tf.getBackend() === "wasm") return tf.cast(tf.oneHot(numbers, count, 1, 0, "int32"), "float32");
  // and webgpu's cast only says that integers are floats, which its sums and transposes do not know
  return tf.oneHot(numbers, count, 1, 0, "float32");
}
