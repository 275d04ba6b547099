import * as tf from "@tensorflow/tfjs-core";
import { computeWithGradient } from "../custom-gradient.ts";
import { isOnDevice } from "../device/on-device.ts";
import type { LogitsOf } from "./problem.ts";
import { logSumsInTensors } from "./tensors.ts";

/** `logSums` of a problem as a tensor, with its gradient to queries and candidates. */
export function softmaxLogSums(problem: LogitsOf & { readonly scale: number }): tf.Tensor1D {
  const { queries, candidates, scale } = problem;
  return computeWithGradient(
    [queries, candidates],
    () => {
      const { value, p } = logSumsInTensors(problem);
      return { value, saved: [p, queries, candidates] };
    },
    (dy, saved) => {
      const [p, q, v] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      const weights = tf.mul(tf.reshape(dy, [-1, 1]), scale);
      if (isOnDevice()) return [tf.mul(tf.matMul(p, v), weights), tf.matMul(p, tf.mul(q, weights), true)];
      const slope = tf.mul<tf.Tensor2D>(p, weights);
      // transposed explicitly: see softmaxInTensors
      return [tf.matMul(slope, v), tf.transpose(tf.matMul(tf.transpose(q), slope))];
    },
  );
}
