import { withGradient } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { type Csr, toCsr } from "../../data/csr.ts";
import { denseRows, fusedSoftmax, hasFusedSoftmax } from "../../model/fused-softmax.ts";
import { MASKED } from "../../model/ops.ts";

/**
 * Softmax cross-entropy over the whole catalogue, for catalogues small enough that a step can score all of it: no
 * sampling, so nothing to correct. On the wasm backend one kernel computes it by blocks of rows.
 *
 *   loss = -1/n Σ_i log p_{i, right_i},   p_i = softmax over all items of exp(logScale) · q_i·v_j, without those masked
 *
 * @param queries (n, dim) unit rows
 * @param items (numItems, dim), the catalogue
 * @param right (n), number of the right item of each query
 * @param masked other items, by query, that are also right and therefore do not compete
 * @param logScale logarithm of the inverse temperature; a variable to learn it
 */
export function fullSoftmaxLoss(
  queries: tf.Tensor2D,
  items: tf.Tensor2D,
  right: Uint32Array,
  masked: Csr,
  logScale: tf.Scalar,
): tf.Scalar {
  const { loss, dQueries, dItems, dScale } = tf.tidy(() => {
    const made = fused(queries, items, right, masked, logScale) ?? inTensors(queries, items, right, masked, logScale);
    return { ...made, dScale: tf.sum(tf.mul(queries, made.dQueries)) };
  });
  return withGradient([queries, items, logScale], loss, [dQueries, dItems, dScale], (dy, saved) =>
    saved.map((gradient) => tf.mul(gradient, dy)),
  );
}

interface LossAndGradients {
  readonly loss: tf.Scalar;
  readonly dQueries: tf.Tensor2D;
  readonly dItems: tf.Tensor2D;
}

function fused(
  queries: tf.Tensor2D,
  items: tf.Tensor2D,
  right: Uint32Array,
  masked: Csr,
  logScale: tf.Scalar,
): LossAndGradients | undefined {
  if (!hasFusedSoftmax(1)) return undefined;
  const targets = toCsr(Array.from(right, (item) => [item]));
  const scale = Math.exp(logScale.dataSync()[0]!);
  const logQ = new Float32Array(items.shape[0]);
  const made = fusedSoftmax({ queries, candidates: items, scale, logQ, masked, targets, least: 0 });
  return made && { loss: made.total, dQueries: made.dQueries, dItems: made.dCandidates };
}

function inTensors(
  queries: tf.Tensor2D,
  items: tf.Tensor2D,
  right: Uint32Array,
  masked: Csr,
  logScale: tf.Scalar,
): LossAndGradients {
  const [n, numItems] = [queries.shape[0], items.shape[0]];
  return tf.tidy(() => {
    const scale = tf.exp(logScale);
    const scores = tf.matMul(tf.mul<tf.Tensor2D>(queries, scale), tf.transpose(items));
    const logits = tf.add<tf.Tensor2D>(scores, denseRows(masked, numItems, MASKED));
    const p = tf.softmax(logits);
    const rightItems = tf.tensor1d(Int32Array.from(right), "int32");
    // through int32: the wasm backend's oneHot writes the bits of integers into float32
    const y = tf.cast(tf.oneHot(rightItems, numItems, 1, 0, "int32"), "float32") as tf.Tensor2D;
    const positives = tf.mul(tf.sum(tf.mul(queries, tf.gather(items, rightItems)), 1), scale);
    const logSumExp = tf.sub(tf.max(logits, 1), tf.log(tf.max(p, 1)));
    const loss = tf.mean<tf.Scalar>(tf.sub(logSumExp, positives));
    const slope = tf.sub<tf.Tensor2D>(p, y);
    const share = tf.div(scale, n);
    const dQueries = tf.mul<tf.Tensor2D>(tf.matMul(slope, items), share);
    const dItems = tf.mul<tf.Tensor2D>(tf.transpose(tf.matMul(tf.transpose(queries), slope)), share);
    return { loss, dQueries, dItems };
  });
}
