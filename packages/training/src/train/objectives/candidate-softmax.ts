import { withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { type Csr, toCsr } from "../../data/csr.ts";
import { denseRows, fusedSoftmax, hasFusedSoftmax } from "../../model/fused-softmax.ts";
import { MASKED } from "../../model/ops.ts";

/** What the softmax is also pulled towards: the one that the candidates would give before quantization. */
export interface Teacher {
  /** (c, dim), constant. */
  readonly candidates: tf.Tensor2D;
  /** Next to the right answers' weight of 1. */
  readonly weight: number;
}

/** What n queries and c candidates bring along. */
export interface Competition {
  /** Candidates, by query, that are also right (and not the query's own) and therefore do not compete. */
  readonly masked: Csr;
  /** (c) logarithm of how often candidate j's item is expected among the candidates; zeros for no correction. */
  readonly logQ: Float32Array;
}

/**
 * Softmax cross-entropy of n queries over c candidates that all of them share; the right one of query i is candidate i.
 * With the items of the batch as candidates that is the in-batch softmax; with items drawn from the catalogue behind them,
 * mixed negative sampling (Yang et al., WWW 2020).
 *
 *   loss = -1/n Σ_i log p_ii,   p_i = softmax over j of exp(logScale) · q_i·v_j − logQ_j, without those masked
 *
 * With a teacher, whose softmax over the same candidates is t, the loss gets weight · −1/n Σ_ij t_ij log p_ij on top
 * (listwise distillation, Distill-VQ, Xiao et al., SIGIR 2022). As a loss of its own that would score everything twice and
 * need two more products for its gradient; here both gradients are one, ((1 + weight)·p − weight·t − y)/n.
 *
 * The gradient of logScale is Σ q·dq, because the logits are linear in the scale. On the wasm backend one kernel computes
 * the rest by blocks of rows.
 *
 * @param queries (n, dim) unit rows
 * @param candidates (c, dim), c ≥ n
 * @param logScale logarithm of the inverse temperature; a variable to learn it
 * @returns `total` with its gradients, and `ranking`, the part of the right answers, without
 */
export function candidateSoftmaxLoss(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  competition: Competition,
  logScale: tf.Scalar,
  teacher?: Teacher,
): { total: tf.Scalar; ranking: tf.Scalar } {
  const { ranking, total, dQueries, dCandidates, dScale } = tf.tidy(() => {
    const made =
      fusedCandidateSoftmax(queries, candidates, competition, logScale, teacher) ??
      candidatesInTensors(queries, candidates, competition, logScale, teacher);
    return { ...made, dScale: tf.sum(tf.mul(queries, made.dQueries)) };
  });
  const value = withGradient([queries, candidates, logScale], total, [dQueries, dCandidates, dScale], (dy, saved) =>
    saved.map((gradient) => tf.mul(gradient, dy)),
  );
  return { total: value, ranking };
}

interface LossAndGradients {
  readonly ranking: tf.Scalar;
  readonly total: tf.Scalar;
  readonly dQueries: tf.Tensor2D;
  readonly dCandidates: tf.Tensor2D;
}

function fusedCandidateSoftmax(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  { masked, logQ }: Competition,
  logScale: tf.Scalar,
  teacher: Teacher | undefined,
): LossAndGradients | undefined {
  if (!hasFusedSoftmax(1)) return undefined;
  const n = queries.shape[0];
  const targets = toCsr(Array.from({ length: n }, (_, i) => [i]));
  const scale = Math.exp(logScale.dataSync()[0]!);
  return fusedSoftmax({ queries, candidates, scale, logQ, masked, targets, least: 0, teacher });
}

/**
 * The same in tensors, with the gradient (p − y)/n written out, which spares a dozen passes over the (n, c) matrix. On the
 * wasm backend `softmax` is a fused operation, seven times as fast as `exp` alone, so log Σ exp is read off its result: max
 * logit − log max p. Also what the kernel is tested against.
 */
export function candidatesInTensors(
  queries: tf.Tensor2D,
  candidates: tf.Tensor2D,
  competition: Competition,
  logScale: tf.Scalar,
  teacher?: Teacher,
): LossAndGradients {
  const [n, dim] = queries.shape;
  const count = candidates.shape[0];
  const rest = count - n;
  return tf.tidy(() => {
    const mask = denseRows(competition.masked, count, MASKED);
    const logQ = tf.tensor2d(competition.logQ, [1, count]);
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
    let total = ranking;
    let slope = p;
    if (teacher) {
      const weighted = tf.mul<tf.Tensor2D>(tf.softmax(logitsOf(teacher.candidates)), teacher.weight);
      const distillation = tf.sub(
        tf.mul(tf.mean(logSumExp), teacher.weight),
        tf.div(tf.sum(tf.mul(weighted, logits)), n),
      );
      total = tf.add(ranking, distillation);
      slope = tf.sub(tf.mul(p, 1 + teacher.weight), weighted);
    }
    // slope − y with y the identity, times V and Q: the identity part is V and Q themselves. Made here and not in the
    // backward pass, because what is saved for that is kept, and these are (n, dim) where p is (n, c).
    const share = tf.div(scale, n);
    const dQueries = tf.mul<tf.Tensor2D>(tf.sub(tf.matMul(slope, candidates), right), share);
    const own =
      rest === 0
        ? queries
        : tf.pad2d(queries, [
            [0, rest],
            [0, 0],
          ]);
    const dCandidates = tf.mul<tf.Tensor2D>(tf.sub(tf.matMul(tf.transpose(slope), queries), own), share);
    return { ranking, total, dQueries, dCandidates };
  });
}
