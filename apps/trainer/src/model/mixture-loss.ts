import { withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";

/** Keeps the logarithm of an impossible candidate finite; below every probability that single precision tells from 0. */
const TINY = 1e-30;

/** What a group of query vectors is scored against. Shapes: G groups, S query vectors a group, C candidates. */
export interface MixtureTargets {
  /** (G, C): weight of each candidate that is to be found, 0 for all others. */
  readonly targets: tf.Tensor2D;
  /** Broadcast to (G·S, C): `MASKED` for candidates that a query vector does not compete for (its own item), else 0. */
  readonly mask: tf.Tensor2D;
  /** (1, C): logarithm of the share of batches that hold candidate c; zeros when the candidates are the whole catalogue. */
  readonly logQ: tf.Tensor2D;
}

/**
 * Negative log-likelihood of the targets under a mixture of softmaxes, one component a query vector.
 *
 *   p(c | g) = Σ_s a_gs · p(c | gs),   p(c | gs) = softmax over c of scale · q_gs·v_c − logQ_c + mask,   a_g = softmax of logWeights_g
 *   loss = −Σ_gc targets_gc · log p(c | g) / Σ_gc targets_gc
 *
 * Its gradient weighs each query vector by its responsibility r_gsc = a_gs p(c | gs) / p(c | g) for a target, so the items of
 * a history that have nothing to do with the target stop pulling at it. Written out, because the automatic gradient would
 * keep and pass over the (G·S, C) matrix a dozen times. With S = 1 it is the sampled softmax of one vector a query.
 *
 * @param queries (G·S, dim), group by group
 * @param candidates (C, dim)
 * @param logWeights (G, S); very negative for an empty place
 * @returns the scalar loss with gradients to the first three
 */
export function mixtureSoftmaxLoss(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  logWeights: tf.Tensor2D,
  { targets, mask, logQ }: MixtureTargets,
  scale: number,
): tf.Scalar {
  const [numGroups, numPlaces] = logWeights.shape;
  const [rows, count] = [queries.shape[0], candidates.shape[0]];
  const made = tf.tidy(() => {
    const scores = tf.matMul(tf.mul<tf.Tensor2D>(queries, scale), tf.transpose(candidates));
    const p = tf.reshape(tf.softmax(tf.add(tf.sub(scores, logQ), mask) as tf.Tensor2D), [numGroups, numPlaces, count]);
    const a = tf.reshape(tf.softmax(logWeights), [numGroups, numPlaces, 1]);
    const weighted = tf.mul(p, a);
    const mixture = tf.add(tf.sum(weighted, 1), TINY) as tf.Tensor2D;
    const total = tf.sum(targets);
    const loss = tf.neg(tf.div(tf.sum(tf.mul(targets, tf.log(mixture))), total)) as tf.Scalar;
    const pull = tf.reshape(tf.div(tf.div(targets, mixture), total), [numGroups, 1, count]);
    const responsibility = tf.sum(tf.mul(weighted, pull), 2, true);
    // d loss / d logit_gsc = p_gsc · (Σ_c r_gsc − a_gs · targets_gc / p_gc)
    const dLogits = tf.reshape(tf.mul(p, tf.sub(responsibility, tf.mul(a, pull))), [rows, count]) as tf.Tensor2D;
    const places = tf.reshape(responsibility, [numGroups, numPlaces]);
    const dWeights = tf.sub(tf.mul(tf.reshape(a, [numGroups, numPlaces]), tf.sum(places, 1, true)), places);
    const dQueries = tf.mul(tf.matMul(dLogits, candidates), scale);
    const dCandidates = tf.mul(tf.transpose(tf.matMul(tf.transpose(queries), dLogits)), scale);
    return { loss, dQueries, dCandidates, dWeights };
  });
  const { loss, dQueries, dCandidates, dWeights } = made;
  return withGradient([queries, candidates, logWeights], loss, [dQueries, dCandidates, dWeights], (dy, saved) =>
    saved.map((gradient) => tf.mul(gradient, dy)),
  );
}

/**
 * Rows of a matrix, (n, dim) → (m, dim), with a gradient: the wasm backend has none for `gather`.
 * @param indices (m) rows of x; a row may be there several times, and then gets the sum of their gradients
 */
export function gatherRows(x: tf.Tensor2D, indices: tf.Tensor1D): tf.Tensor2D {
  return withGradient([x], tf.gather(x, indices) as tf.Tensor2D, [indices], (dy, [saved]) => [
    tf.scatterND(tf.reshape(saved!, [-1, 1]), dy, x.shape),
  ]);
}
