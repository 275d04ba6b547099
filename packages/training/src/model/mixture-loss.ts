import { withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import type { Csr } from "../data/csr.ts";
import { denseRows, fusedSoftmax } from "./fused-softmax.ts";
import { MASKED } from "./ops.ts";

/** Keeps the logarithm of an impossible candidate finite; below every probability that single precision tells from 0. */
const TINY = 1e-30;

/** What a group of query vectors is scored against. Shapes: G groups, S query vectors a group, C candidates. */
export interface MixtureTargets {
  /** Candidates that each of the G groups is to find, each once. */
  readonly targets: Csr;
  /** Weight of each of them; 1 when left out. */
  readonly weights?: Float32Array;
  /** Candidates that each of the G·S query vectors does not compete for (those of its history). */
  readonly masked: Csr;
  /** (C) logarithm of the share of batches that hold candidate c; zeros when the candidates are the whole catalogue. */
  readonly logQ: Float32Array;
}

/**
 * Negative log-likelihood of the targets under a mixture of softmaxes, one component a query vector.
 *
 *   p(c | g) = Σ_s a_gs · p(c | gs),   p(c | gs) = softmax over c of scale · q_gs·v_c − logQ_c, without those masked,
 *   a_g = softmax of logWeights_g,   loss = −Σ_g Σ_targets weight · log p(target | g) / Σ weight
 *
 * Its gradient weighs each query vector by its responsibility r_gsc = a_gs p(c | gs) / p(c | g) for a target, so the items of
 * a history that have nothing to do with the target stop pulling at it. With S = 1 it is the sampled softmax of one vector
 * a query. On the wasm backend one kernel computes it by blocks of rows.
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
  targets: MixtureTargets,
  scale: number,
): tf.Scalar {
  const loss = tf.tidy(() => {
    const { weights: targetWeights, ...lists } = targets;
    const weighted = targetWeights ? { targetWeights } : {};
    const fused = fusedSoftmax({ queries, candidates, logWeights, scale, least: TINY, ...lists, ...weighted });
    if (!fused) return mixtureInTensors(queries, candidates, logWeights, targets, scale);
    const { ranking, dQueries, dCandidates, dLogWeights } = fused;
    return { loss: ranking, gradients: [dQueries, dCandidates, dLogWeights] };
  });
  return withGradient([queries, candidates, logWeights], loss.loss, loss.gradients, (dy, saved) =>
    saved.map((gradient) => tf.mul(gradient, dy)),
  );
}

/**
 * The same in tensors, with the gradients written out, because the automatic ones would keep and pass over the (G·S, C)
 * matrix a dozen times. Also what the kernel is tested against.
 */
export function mixtureInTensors(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  logWeights: tf.Tensor2D,
  lists: MixtureTargets,
  scale: number,
): { loss: tf.Scalar; gradients: tf.Tensor2D[] } {
  const [numGroups, numPlaces] = logWeights.shape;
  const [rows, count] = [queries.shape[0], candidates.shape[0]];
  return tf.tidy(() => {
    const targets = denseRows(lists.targets, count, lists.weights ?? 1);
    const mask = denseRows(lists.masked, count, MASKED);
    const logQ = tf.tensor2d(lists.logQ, [1, count]);
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
    return { loss, gradients: [dQueries, dCandidates, dWeights] as tf.Tensor2D[] };
  });
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
