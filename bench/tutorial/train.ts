import { type IndexingLayer, inBatchSoftmaxLoss } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs-core";
import { Batches, makePairs, numItems, numQueries, type Pairs } from "./data.ts";
import { EmbeddingTable } from "./embedding-table.ts";

export const dim = 64;
export const batchSize = 128;
export const epochs = 3;
export const learningRate = 0.1;
export const scoreScale = 30;

/** The two-tower model of the tutorial: one table of queries, one of items. */
export interface Towers {
  readonly queries: EmbeddingTable;
  readonly items: EmbeddingTable;
  readonly batches: Batches;
  readonly pairs: Pairs;
  step: number;
  seconds: number;
}

export interface JointOptions {
  /** Scores items by cosine in training, as the original does, or by the inner product that the index serves. */
  readonly cosine: boolean;
  /** Factor on the towers' learning rate once items are quantized. */
  readonly learningRateFactor: number;
}

export function createTowers(seed: number): Towers {
  return {
    queries: new EmbeddingTable(numQueries, dim, 1000 + seed),
    items: new EmbeddingTable(numItems, dim, 2000 + seed),
    batches: new Batches(3000 + seed, epochs),
    pairs: makePairs(4000 + seed),
    step: 0,
    seconds: 0,
  };
}

/** A copy that trains on from here, so that rows which share their warm-up compute it once. */
export function forkTowers(towers: Towers): Towers {
  const { queries, items, batches } = towers;
  return { ...towers, queries: queries.fork(), items: items.fork(), batches: batches.fork() };
}

/**
 * Trains to the end of the pairs, or up to `lastStep`.
 * @returns steps per second while items were quantized, 0 if they never were
 */
export async function train(
  towers: Towers,
  layer: IndexingLayer | null,
  joint: JointOptions,
  lastStep = Number.POSITIVE_INFINITY,
): Promise<number> {
  const variables = layer?.trainableVariables ?? [];
  const optimizer = tf.train.adagrad(learningRate, 0.1);
  const started = performance.now();
  let jointSteps = 0;
  let jointStarted = 0;
  for (; towers.step < lastStep; towers.step++) {
    const batch = towers.batches.take(batchSize);
    if (batch.length === 0) break;
    const queryIds = batch.map((pair) => towers.pairs.queries[pair]!);
    const itemIds = batch.map((pair) => towers.pairs.items[pair]!);
    const queries = towers.queries.units(queryIds);
    const items = towers.items.units(itemIds);
    const q = tf.tensor2d(queries, [batch.length, dim]);
    const x = tf.tensor2d(items, [batch.length, dim]);
    const ready = layer?.ready ?? false;
    if (ready && jointSteps++ === 0) jointStarted = performance.now();
    const loss = (queryBatch: tf.Tensor, itemBatch: tf.Tensor): tf.Scalar => {
      if (!layer || !ready)
        return inBatchSoftmaxLoss(queryBatch as tf.Tensor2D, itemBatch as tf.Tensor2D, scoreScale, 1);
      const result = layer.call(itemBatch as tf.Tensor2D, { training: true, queries: queryBatch as tf.Tensor2D });
      const scored = joint.cosine ? unitRows(result.quantized) : result.quantized;
      const ranking = inBatchSoftmaxLoss(queryBatch as tf.Tensor2D, scored, scoreScale, 1, result.teacher);
      return tf.add(ranking, result.losses.total);
    };
    const inputs = ready ? [q, x, ...variables] : [q, x];
    const [toQueries, toItems, ...toVariables] = tf.grads((a, b) => loss(a!, b!))(inputs);
    if (ready && variables.length > 0) {
      optimizer.applyGradients(variables.map((variable, i) => ({ name: variable.name, tensor: toVariables[i]! })));
    }
    const rate = learningRate * (ready ? joint.learningRateFactor : 1);
    towers.queries.step(queryIds, queries, (await toQueries!.data()) as Float32Array, rate);
    towers.items.step(itemIds, items, (await toItems!.data()) as Float32Array, rate);
    await layer?.afterStep(x);
    tf.dispose([q, x, toQueries!, toItems!, ...toVariables]);
  }
  const ended = performance.now();
  towers.seconds += (ended - started) / 1000;
  optimizer.dispose();
  return jointSteps === 0 ? 0 : (1000 * jointSteps) / (ended - jointStarted);
}

function unitRows(x: tf.Tensor2D): tf.Tensor2D {
  return tf.div(x, tf.sqrt(tf.sum(tf.square(x), 1, true)));
}
