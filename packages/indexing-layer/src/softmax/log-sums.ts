import * as tf from "@tensorflow/tfjs-core";
import { computeWithGradient } from "../custom-gradient.ts";
import { MASKED, type SoftmaxProblem } from "./problem.ts";
import { denseRows, logSumExp } from "./tensors.ts";

/**
 * log Z of each query of a problem, (G·S), Z = Σ_c exp(scale · q·v_c) / Q_c over the candidates that are not masked,
 * with its gradient to queries and candidates.
 */
export function softmaxLogSums(
  problem: Pick<SoftmaxProblem, "queries" | "candidates" | "logQ" | "masked"> & { readonly scale: number },
): tf.Tensor1D {
  const { queries, candidates, scale, logQ, masked } = problem;
  return computeWithGradient(
    [queries, candidates],
    () => {
      const count = candidates.shape[0];
      const scores = tf.mul<tf.Tensor2D>(tf.matMul(queries, tf.transpose(candidates)), scale);
      const corrected = logQ ? tf.sub<tf.Tensor2D>(scores, tf.tensor2d(logQ, [1, count])) : scores;
      const logits = masked ? tf.add<tf.Tensor2D>(corrected, denseRows(masked, count, MASKED)) : corrected;
      const p = tf.softmax(logits);
      return { value: logSumExp(logits, p), saved: [p, queries, candidates] };
    },
    (dy, saved) => {
      const [p, q, v] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      const slope = tf.mul<tf.Tensor2D>(p, tf.mul(tf.reshape(dy, [-1, 1]), scale));
      // transposed explicitly: see softmaxInTensors
      return [tf.matMul(slope, v), tf.transpose(tf.matMul(tf.transpose(q), slope))];
    },
  );
}
