import * as tf from "@tensorflow/tfjs";
import { ADAGRAD_EPSILON, ADAM_EPSILON, BETA1, BETA2, type OptimizerName } from "./row-optimizer.ts";

/**
 * What an optimizer makes of rows that got a gradient, in tensors: the same as `RowOptimizer.update` does of each.
 *
 * @param rows (n, dim), @param gradients (n, dim)
 * @param memory (n, width) of each array that `RowOptimizer.state` names
 */
type RowUpdate = (
  rows: tf.Tensor2D,
  gradients: tf.Tensor2D,
  memory: Readonly<Record<string, tf.Tensor2D>>,
  learningRate: number,
) => { readonly rows: tf.Tensor2D; readonly memory: Readonly<Record<string, tf.Tensor2D>> };

export const ROW_UPDATES: Readonly<Record<OptimizerName, RowUpdate>> = { adagrad, adam };

function adagrad(...[rows, gradients, memory, learningRate]: Parameters<RowUpdate>): ReturnType<RowUpdate> {
  const squares = tf.mean(tf.square(gradients), 1, true);
  const accumulator = tf.add<tf.Tensor2D>(memory["accumulator"]!, squares);
  const step = tf.div(tf.mul(gradients, learningRate), tf.add(tf.sqrt(accumulator), ADAGRAD_EPSILON));
  return { rows: tf.sub(rows, step), memory: { accumulator } };
}

function adam(...[rows, gradients, memory, learningRate]: Parameters<RowUpdate>): ReturnType<RowUpdate> {
  const updates = tf.add<tf.Tensor2D>(memory["updates"]!, 1);
  const first = tf.add<tf.Tensor2D>(tf.mul(memory["first"]!, BETA1), tf.mul(gradients, 1 - BETA1));
  const second = tf.add<tf.Tensor2D>(tf.mul(memory["second"]!, BETA2), tf.mul(tf.square(gradients), 1 - BETA2));
  const mean = tf.div(first, tf.sub(1, tf.pow(BETA1, updates)));
  const deviation = tf.sqrt(tf.div(second, tf.sub(1, tf.pow(BETA2, updates))));
  const step = tf.div(tf.mul(mean, learningRate), tf.add(deviation, ADAM_EPSILON));
  return { rows: tf.sub(rows, step), memory: { first, second, updates } };
}
