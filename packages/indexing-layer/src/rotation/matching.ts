import * as tf from "@tensorflow/tfjs-core";
import { oneHot } from "../device/one-hot.ts";

const TINY = 1e-30;

/**
 * Pairs of axes by what each pair gains, made on the device: in every round each axis that is left names the one it
 * gains most with, and those that name each other are a pair. Taking the best pair of all, again and again, gives the
 * same pairs; axes that are left over after the last round stay alone.
 *
 * @param gains (d, d) symmetric, not below 0; the diagonal does not matter
 * @param identity (d, d)
 * @returns (d, d) symmetric, 1 where two are a pair
 */
export function matchPairs(gains: tf.Tensor2D, identity: tf.Tensor2D, rounds: number): tf.Tensor2D {
  return tf.tidy(() => {
    const dim = gains.shape[0];
    const found: tf.Tensor2D[] = [];
    const others = tf.sub<tf.Tensor2D>(1, identity);
    // an axis that gains with none of those left names itself, and so none that has a partner
    let left = tf.add<tf.Tensor2D>(tf.mul(gains, others), tf.mul(identity, TINY));
    for (let round = 0; round < rounds; round++) {
      const named = oneHot(tf.argMax(left, 1), dim) as tf.Tensor2D;
      const pairs: tf.Tensor2D = tf.mul(named, tf.transpose(named));
      found.push(pairs);
      if (round + 1 === rounds) break;
      // nobody names who has a partner, so it does not matter whom that one names
      left = tf.mul(left, tf.sub(1, tf.sum(pairs, 0, true)));
    }
    return tf.mul(sumOf(found), others);
  });
}

/** By a few at a time: WebGPU binds eight tensors to an operation, and adds nothing beyond without a word. */
function sumOf([first, ...rest]: readonly tf.Tensor2D[]): tf.Tensor2D {
  let sum = first!;
  for (let i = 0; i < rest.length; i += 3) sum = tf.addN([sum, ...rest.slice(i, i + 3)]);
  return sum;
}
