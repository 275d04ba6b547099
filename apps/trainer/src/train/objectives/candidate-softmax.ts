import { withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";

/**
 * Softmax cross-entropy of n queries over c candidates that all of them share; the right one of query i is candidate i.
 * With the items of the batch as candidates that is the in-batch softmax; with items drawn from the catalogue behind them,
 * mixed negative sampling (Yang et al., WWW 2020).
 *
 *   loss = -1/n Σ_i log p_ii,   p_i = softmax over j of exp(logScale) · q_i·v_j − logQ_j + mask_ij
 *
 * The gradient (p − y)/n is written out, which spares a dozen passes over the (n, c) matrix; that of logScale is then
 * Σ q·dq, because the logits are linear in the scale. On the wasm backend `softmax` is a fused kernel, seven times as fast
 * as `exp` alone, so log Σ exp is read off its result: max logit − log max p.
 *
 * @param queries (n, dim) unit rows
 * @param candidates (c, dim), c ≥ n
 * @param mask (n, c) MASKED where candidate j is also right for query i (and j ≠ i), else 0
 * @param logQ (1, c) logarithm of how often candidate j's item is expected among the candidates; zeros for no correction
 * @param logScale logarithm of the inverse temperature; a variable to learn it
 */
export function candidateSoftmaxLoss(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  mask: tf.Tensor2D,
  logQ: tf.Tensor2D,
  logScale: tf.Scalar,
): tf.Scalar {
  const [n, dim] = queries.shape;
  const rest = candidates.shape[0] - n;
  const { loss, dq, dv, dScale } = tf.tidy(() => {
    const scale = tf.exp(logScale);
    const scores = tf.matMul(tf.mul<tf.Tensor2D>(queries, scale), tf.transpose(candidates));
    const logits = tf.add<tf.Tensor2D>(tf.sub(scores, logQ), mask);
    const p = tf.softmax(logits);
    const right = rest === 0 ? candidates : tf.slice2d(candidates, [0, 0], [n, dim]);
    const rightLogQ = tf.slice2d(logQ, [0, 0], [1, n]);
    // q_i·v_i from the rows themselves: reading the diagonal of a matrix has no fast kernel
    const positives = tf.sub(tf.mul(tf.sum(tf.mul(queries, right), 1), scale), tf.reshape(rightLogQ, [n]));
    const logSumExp = tf.sub(tf.max(logits, 1), tf.log(tf.max(p, 1)));
    const loss = tf.mean<tf.Scalar>(tf.sub(logSumExp, positives));
    // (p − y)·V and (p − y)ᵀ·Q with y the identity: the identity part is V and Q themselves. Made here and not in the
    // backward pass, because what is saved for that is copied, and these are (n, dim) where p is (n, c).
    const share = tf.div(scale, n);
    const dq = tf.mul(tf.sub(tf.matMul(p, candidates), right), share);
    const own =
      rest === 0
        ? queries
        : tf.pad2d(queries, [
            [0, rest],
            [0, 0],
          ]);
    const dv = tf.mul(tf.sub(tf.transpose(tf.matMul(tf.transpose(queries), p)), own), share);
    return { loss, dq, dv, dScale: tf.sum(tf.mul(queries, dq)) };
  });
  return withGradient([queries, candidates, logScale], loss, [dq, dv, dScale], (dy, saved) =>
    saved.map((gradient) => tf.mul(gradient, dy)),
  );
}
