import { maskLogits, withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { Csr } from "../../data/csr.ts";

/**
 * The hinge loss of the Poeem paper over the candidates of a batch: every wrong candidate whose cosine comes closer to
 * the right one's than `margin` costs what is missing.
 *
 *   loss = Σ_i w_i/Σw Σ_{j ≠ i, not masked} max(0, margin − q_i·v_i + q_i·v_j)
 *
 * @param queries (n, dim) unit rows
 * @param candidates (c, dim), c ≥ n; the right one of query i is candidate i
 * @param masked candidates, by query, that are also right (and not the query's own) and therefore cost nothing
 * @param weights (n) w; all alike when left out
 */
export function hingeLoss(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  masked: Csr,
  margin: number,
  weights?: Float32Array,
): tf.Scalar {
  const [n, dim] = queries.shape;
  const rest = candidates.shape[0] - n;
  const { loss, dq, dv } = tf.tidy(() => {
    const right = rest === 0 ? candidates : tf.slice2d(candidates, [0, 0], [n, dim]);
    const positives = tf.sum(tf.mul(queries, right), 1, true);
    const scores = maskLogits(tf.matMul(queries, tf.transpose(candidates)), masked);
    const missing = tf.relu(tf.add<tf.Tensor2D>(tf.sub(scores, positives), margin));
    const total = weights?.reduce((sum, weight) => sum + weight, 0) ?? n;
    const share = weights
      ? tf.tensor2d(
          weights.map((weight) => weight / total),
          [n, 1],
        )
      : tf.scalar(1 / total);
    const violates = tf.mul<tf.Tensor2D>(tf.cast(tf.greater(missing, 0), "float32"), share);
    // The right candidate itself is always `margin` short of being better than itself: as cost margin, as slope
    // nothing, since what it gives to q_i·v_j it takes from q_i·v_i.
    const loss = tf.sub(tf.sum(tf.mul(missing, share)), margin) as tf.Scalar;
    const violations = tf.sum(violates, 1, true);
    const dq = tf.sub(tf.matMul(violates, candidates), tf.mul(violations, right));
    const weighted = tf.mul<tf.Tensor2D>(queries, violations);
    const own =
      rest === 0
        ? weighted
        : tf.pad2d(weighted, [
            [0, rest],
            [0, 0],
          ]);
    const dv = tf.sub(tf.transpose(tf.matMul(tf.transpose(queries), violates)), own);
    return { loss, dq, dv };
  });
  return withGradient([queries, candidates], loss, [dq, dv], (dy, saved) =>
    saved.map((gradient) => tf.mul(gradient, dy)),
  );
}
