import * as tf from "@tensorflow/tfjs-core";
import { isOnDevice } from "./on-device.ts";
import { orderedSum, planSums, transposedLists } from "./ordered-sum.ts";

/**
 * Sums the rows of `x` (rows, width) that belong to the same list: (lists, width). On the host they are added one after
 * the other; on a device, where that would be in any order, as planned.
 *
 * @param of (rows) the list of each
 */
export function sumByList(x: tf.Tensor2D, of: Int32Array, lists: number): tf.Tensor2D {
  const count = of.length;
  if (!isOnDevice()) {
    return tf.scatterND(tf.tensor2d(of, [count, 1], "int32"), x, [lists, x.shape[1]]) as tf.Tensor2D;
  }
  const ends = Uint32Array.from({ length: count }, (_, row) => row + 1);
  return orderedSum(x, planSums(transposedLists({ ends, rows: Uint32Array.from(of) }, lists)));
}
