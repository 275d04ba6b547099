import { withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";

/**
 * a·b with gradients that transpose explicitly: on the wasm backend `matMul` with its transpose flags is up to 30 times
 * slower than transposing first.  Shapes: (n, k)·(k, m) → (n, m).
 */
export function matMul(a: tf.Tensor2D, b: tf.Tensor2D): tf.Tensor2D {
  return withGradient([a, b], tf.matMul(a, b), [a, b], (dy, saved) => {
    const [x, y] = saved as [tf.Tensor2D, tf.Tensor2D];
    return [tf.matMul(dy, tf.transpose(y)), tf.matMul(tf.transpose(x), dy)];
  });
}

/** Rows divided by their Euclidean length: (n, dim) → (n, dim). The small constant keeps a zero row at zero. */
export function l2NormalizeRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.mul(x, tf.rsqrt(tf.add(tf.sum(tf.square(x), 1, true), 1e-12)));
}

/** What is added to the logit of a masked candidate: its weight in the softmax is then 0. */
export const MASKED = -1e9;

/**
 * Softmax cross-entropy over the candidates of a batch, with accidental hits masked.
 *
 * Row i scores query i against all items of the batch; its positive is column i.
 *   loss = -1/n Σ_i log p_ii,   p = softmax over j of scale · q_i·v_j − logQ_j + mask_ij
 * The gradient (p − y)/n is written out, which spares a dozen passes over the (n, n) matrix. On the wasm backend `softmax` is
 * a fused kernel, seven times as fast as `exp` alone, so log Σ exp is read off its result: max logit − log max p.
 *
 * @param queries (n, dim) unit rows
 * @param items (n, dim)
 * @param mask (n, n) MASKED where the item of column j is also right for query i (and j ≠ i), else 0
 * @param logQ (1, n) logarithm of how much likelier than uniform column j's item is to be in a batch; zeros for no correction
 */
export function inBatchSoftmaxLoss(
  queries: tf.Tensor2D,
  items: tf.Tensor2D,
  mask: tf.Tensor2D,
  logQ: tf.Tensor2D,
  scale: number,
): tf.Scalar {
  const n = queries.shape[0];
  const { loss, dq, dv } = tf.tidy(() => {
    const scores = tf.matMul(tf.mul<tf.Tensor2D>(queries, scale), tf.transpose(items));
    const logits = tf.add<tf.Tensor2D>(tf.sub(scores, logQ), mask);
    const p = tf.softmax(logits);
    // q_i·v_i from the rows themselves: reading the diagonal of an (n, n) matrix has no fast kernel
    const positives = tf.sub(tf.mul(tf.sum(tf.mul(queries, items), 1), scale), tf.reshape(logQ, [n]));
    const logSumExp = tf.sub(tf.max(logits, 1), tf.log(tf.max(p, 1)));
    const loss = tf.mean<tf.Scalar>(tf.sub(logSumExp, positives));
    // (p − y)·V and (p − y)ᵀ·Q with y the identity: the identity part is V and Q themselves. Made here and not in the
    // backward pass, because what is saved for that is copied, and these are (n, dim) where p is (n, n).
    const dq = tf.sub(tf.matMul(p, items), items);
    const dv = tf.sub(tf.transpose(tf.matMul(tf.transpose(queries), p)), queries);
    return { loss, dq: tf.mul(dq, scale / n), dv: tf.mul(dv, scale / n) };
  });
  return withGradient([queries, items], loss, [dq, dv], (dy, [savedDq, savedDv]) => [
    tf.mul(savedDq!, dy),
    tf.mul(savedDv!, dy),
  ]);
}
