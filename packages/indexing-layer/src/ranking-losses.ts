import * as tf from "@tensorflow/tfjs-core";
import { computeWithGradient } from "./custom-gradient.ts";

/*
 * Losses between the queries and the items of one batch, row i of one belonging to row i of the other. Gradients are
 * written out (softmax minus target) and products with transposes made explicit, because the wasm backend multiplies
 * by flagged transposes ten times more slowly.
 */

/**
 * Dense -> quantized distillation (Distill-VQ, Xiao et al., SIGIR 2022, arXiv 2204.00185; listwise form): cross entropy
 * between how each query ranks the batch's items before quantization (teacher, constant) and after it (student), summed
 * over queries, times `scale`. Gradients go to `queries` and `quantized`.
 *
 * @param queries (n, dim), @param items (n, dim) dense, @param quantized (n, dim)
 * @param scoreScale factor on the inner products, the inverse temperature
 */
export function distillationLoss(
  queries: tf.Tensor2D,
  items: tf.Tensor2D,
  quantized: tf.Tensor2D,
  scoreScale: number,
  scale: number,
): tf.Scalar {
  const compute = () => {
    const scores = (to: tf.Tensor2D) => tf.mul<tf.Tensor2D>(tf.matMul(queries, tf.transpose(to)), scoreScale);
    const student = scores(quantized);
    const probability = tf.softmax(student);
    const target = tf.softmax(scores(items));
    const loss = tf.sum(tf.sub(logSumExp(student, probability), tf.sum(tf.mul(target, student), 1)));
    const residual = tf.mul<tf.Tensor2D>(tf.sub(probability, target), scoreScale * scale);
    return { value: tf.mul<tf.Scalar>(loss, scale), saved: [residual, queries, quantized] };
  };
  return computeWithGradient([queries, quantized], compute, (dy, kept) => {
    const g = tf.mul<tf.Tensor2D>(kept[0]!, dy);
    return [tf.matMul(g, kept[2]!), tf.matMul(tf.transpose(g), kept[1]!)];
  });
}

/**
 * In-batch softmax: cross entropy of each query's own row against all items of the batch, summed over queries, times
 * `scale`. Gradients go to `queries` and `items`.
 *
 * @param queries (b, dim), @param items (n, dim), n >= b, row i of the items belonging to query i
 */
export function inBatchSoftmaxLoss(
  queries: tf.Tensor2D,
  items: tf.Tensor2D,
  scoreScale: number,
  scale: number,
): tf.Scalar {
  const compute = () => {
    const scores = tf.mul<tf.Tensor2D>(tf.matMul(queries, tf.transpose(items)), scoreScale);
    const probability = tf.softmax(scores);
    const target = tf.eye(queries.shape[0], items.shape[0]);
    const loss = tf.sum(tf.sub(logSumExp(scores, probability), tf.sum(tf.mul(target, scores), 1)));
    const residual = tf.mul<tf.Tensor2D>(tf.sub(probability, target), scoreScale * scale);
    return { value: tf.mul<tf.Scalar>(loss, scale), saved: [residual, queries, items] };
  };
  return computeWithGradient([queries, items], compute, (dy, kept) => {
    const g = tf.mul<tf.Tensor2D>(kept[0]!, dy);
    return [tf.matMul(g, kept[2] as tf.Tensor2D), tf.matMul(tf.transpose(g), kept[1] as tf.Tensor2D)];
  });
}

/**
 * Query-side routing: cross entropy between the cells a query would visit, softmax of its inner products with the
 * coarse centroids, and the cell that holds its item, summed over queries, times `scale`. After EHI (Kumar et al.,
 * arXiv 2310.08891), with the gradient going to the queries alone: let into the centroids it empties the cells.
 *
 * @param queries (n, dim)
 * @param cells (n) int32, cell of each query's item
 * @param coarseCentroids (nlist, dim) in the queries' own space (rotated back)
 */
export function routingLoss(
  queries: tf.Tensor2D,
  cells: tf.Tensor1D,
  coarseCentroids: tf.Tensor2D,
  routingScale: number,
  scale: number,
): tf.Scalar {
  const compute = () => {
    const scores = tf.mul<tf.Tensor2D>(tf.matMul(queries, tf.transpose(coarseCentroids)), routingScale);
    const probability = tf.softmax(scores);
    // Not oneHot(..., "float32"): the wasm backend then writes the integer 1 where a float is read, which is 1e-45.
    const target = tf.cast(tf.oneHot(cells, coarseCentroids.shape[0]), "float32");
    const loss = tf.sum(tf.sub(logSumExp(scores, probability), tf.sum(tf.mul(target, scores), 1)));
    const residual = tf.mul<tf.Tensor2D>(tf.sub(probability, target), routingScale * scale);
    return { value: tf.mul<tf.Scalar>(loss, scale), saved: [residual, coarseCentroids] };
  };
  return computeWithGradient([queries], compute, (dy, kept) => [
    tf.matMul(tf.mul<tf.Tensor2D>(kept[0]!, dy), kept[1]!),
  ]);
}

/** (n, k) scores and their softmax -> (n) log Σ exp, from each row's largest entry: one pass, no second exp. */
function logSumExp(scores: tf.Tensor2D, probability: tf.Tensor2D): tf.Tensor {
  return tf.sub(tf.max(scores, 1), tf.log(tf.max(probability, 1)));
}
