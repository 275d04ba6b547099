import type * as tf from "@tensorflow/tfjs-core";
import type { Teacher } from "./softmax/problem.ts";
import type { Losses } from "./training-losses.ts";

/** How `IndexingLayer.call` is called. */
export interface CallOptions {
  /** In training the schedule decides whether items are quantized; otherwise they always are. Default false. */
  training?: boolean;
  /**
   * (b, dim) unit query vectors. Given in training, they bring in the losses that need queries (routing), whose
   * gradients reach them. With the defaults such a loss is left out of a call without queries; one whose weight was
   * given refuses it.
   */
  queries?: tf.Tensor2D;
  /**
   * (b) int32, row of the item that each query led to. Default: row i for query i, b <= n; further items are negatives.
   */
  answers?: tf.Tensor1D;
}

/** What it returns for n items. */
export interface CallResult {
  /** (n, dim), straight-through to the items in training. Not re-normalised: scores are inner products with it. */
  quantized: tf.Tensor2D;
  /** (n) int32, cell of each item; zeros while bypassed or without cells. */
  coarseCodes: tf.Tensor1D;
  /** (n, M) int32; zeros while bypassed. */
  codes: tf.Tensor2D;
  losses: Losses;
  /**
   * The items before quantization, for distillation: `softmaxLoss` and `inBatchSoftmaxLoss` take it along when they
   * rank `quantized`. Only in joint training with a `distillationWeight`.
   */
  teacher?: Teacher;
}
