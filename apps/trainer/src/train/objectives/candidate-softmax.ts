import { withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";

/** What the softmax is also pulled towards: the one that the candidates would give before quantization. */
export interface Teacher {
  /** (c, dim), constant. */
  readonly candidates: tf.Tensor2D;
  /** Next to the right answers' weight of 1. */
  readonly weight: number;
}

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
 * With a teacher, whose softmax over the same candidates is t, the loss gets weight · −1/n Σ_ij t_ij log p_ij on top
 * (listwise distillation, Distill-VQ, Xiao et al., SIGIR 2022). As a loss of its own that would score everything twice and
 * need two more products for its gradient; here both gradients are one, ((1 + weight)·p − weight·t − y)/n.
 *
 * @param queries (n, dim) unit rows
 * @param candidates (c, dim), c ≥ n
 * @param mask (n, c) MASKED where candidate j is also right for query i (and j ≠ i), else 0
 * @param logQ (1, c) logarithm of how often candidate j's item is expected among the candidates; zeros for no correction
 * @param logScale logarithm of the inverse temperature; a variable to learn it
 * @returns `total` with its gradients, and `ranking`, the part of the right answers, without
 */
export function candidateSoftmaxLoss(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  mask: tf.Tensor2D,
  logQ: tf.Tensor2D,
  logScale: tf.Scalar,
  teacher?: Teacher,
): { total: tf.Scalar; ranking: tf.Scalar } {
  const [n, dim] = queries.shape;
  const rest = candidates.shape[0] - n;
  const { loss, ranking, dq, dv, dScale } = tf.tidy(() => {
    const scale = tf.exp(logScale);
    const scaled = tf.mul<tf.Tensor2D>(queries, scale);
    const logitsOf = (to: tf.Tensor2D): tf.Tensor2D => tf.add(tf.sub(tf.matMul(scaled, tf.transpose(to)), logQ), mask);
    const logits = logitsOf(candidates);
    const p = tf.softmax(logits);
    const right = rest === 0 ? candidates : tf.slice2d(candidates, [0, 0], [n, dim]);
    const rightLogQ = tf.slice2d(logQ, [0, 0], [1, n]);
    // q_i·v_i from the rows themselves: reading the diagonal of a matrix has no fast kernel
    const positives = tf.sub(tf.mul(tf.sum(tf.mul(queries, right), 1), scale), tf.reshape(rightLogQ, [n]));
    const logSumExp = tf.sub(tf.max(logits, 1), tf.log(tf.max(p, 1)));
    const ranking = tf.mean<tf.Scalar>(tf.sub(logSumExp, positives));
    let loss = ranking;
    let slope = p;
    if (teacher) {
      const weighted = tf.mul<tf.Tensor2D>(tf.softmax(logitsOf(teacher.candidates)), teacher.weight);
      const distillation = tf.sub(
        tf.mul(tf.mean(logSumExp), teacher.weight),
        tf.div(tf.sum(tf.mul(weighted, logits)), n),
      );
      loss = tf.add(ranking, distillation);
      slope = tf.sub(tf.mul(p, 1 + teacher.weight), weighted);
    }
    // slope − y with y the identity, times V and Q: the identity part is V and Q themselves. Made here and not in the
    // backward pass, because what is saved for that is kept, and these are (n, dim) where p is (n, c).
    const share = tf.div(scale, n);
    const dq = tf.mul(tf.sub(tf.matMul(slope, candidates), right), share);
    const own =
      rest === 0
        ? queries
        : tf.pad2d(queries, [
            [0, rest],
            [0, 0],
          ]);
    const dv = tf.mul(tf.sub(tf.matMul(tf.transpose(slope), queries), own), share);
    return { loss, ranking, dq, dv, dScale: tf.sum(tf.mul(queries, dq)) };
  });
  const total = withGradient([queries, candidates, logScale], loss, [dq, dv, dScale], (dy, saved) =>
    saved.map((gradient) => tf.mul(gradient, dy)),
  );
  return { total, ranking };
}
