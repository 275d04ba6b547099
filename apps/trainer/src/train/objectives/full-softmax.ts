import { withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";

/**
 * Softmax cross-entropy over the whole catalogue, for catalogues small enough that a step can score all of it: no
 * sampling, so nothing to correct.
 *
 *   loss = -1/n Σ_i log p_{i, right_i},   p_i = softmax over all items of exp(logScale) · q_i·v_j + mask_ij
 *
 * @param queries (n, dim) unit rows
 * @param items (numItems, dim), the catalogue
 * @param right (n) int32, number of the right item of each query
 * @param mask (n, numItems) MASKED where another item is also right for query i, else 0; left out = none is
 * @param logScale logarithm of the inverse temperature; a variable to learn it
 */
export function fullSoftmaxLoss(
  queries: tf.Tensor2D,
  items: tf.Tensor2D,
  right: tf.Tensor1D,
  mask: tf.Tensor2D | undefined,
  logScale: tf.Scalar,
): tf.Scalar {
  const n = queries.shape[0];
  const { loss, dq, dv, dScale } = tf.tidy(() => {
    const scale = tf.exp(logScale);
    const scores = tf.matMul(tf.mul<tf.Tensor2D>(queries, scale), tf.transpose(items));
    const logits = mask ? tf.add<tf.Tensor2D>(scores, mask) : scores;
    const p = tf.softmax(logits);
    // through int32: the wasm backend's oneHot writes the bits of integers into float32
    const y = tf.cast(tf.oneHot(right, items.shape[0], 1, 0, "int32"), "float32") as tf.Tensor2D;
    const positives = tf.mul(tf.sum(tf.mul(queries, tf.gather(items, right)), 1), scale);
    const logSumExp = tf.sub(tf.max(logits, 1), tf.log(tf.max(p, 1)));
    const loss = tf.mean<tf.Scalar>(tf.sub(logSumExp, positives));
    const slope = tf.sub<tf.Tensor2D>(p, y);
    const share = tf.div(scale, n);
    const dq = tf.mul(tf.matMul(slope, items), share);
    const dv = tf.mul(tf.transpose(tf.matMul(tf.transpose(queries), slope)), share);
    return { loss, dq, dv, dScale: tf.sum(tf.mul(queries, dq)) };
  });
  return withGradient([queries, items, logScale], loss, [dq, dv, dScale], (dy, saved) =>
    saved.map((gradient) => tf.mul(gradient, dy)),
  );
}
