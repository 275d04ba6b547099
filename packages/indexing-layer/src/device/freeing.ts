import * as tf from "@tensorflow/tfjs-core";

/**
 * A result, without what it was made from and nobody else wants: a scope would keep that to its end, and two more
 * matrices of queries by candidates are what a GPU may have no room for.
 */
export function freeing<T>(used: tf.Tensor | readonly tf.Tensor[], result: T): T {
  tf.dispose(used as tf.Tensor[]);
  return result;
}
