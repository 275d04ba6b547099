import type * as tf from "@tensorflow/tfjs-core";

/** What one pass through the quantizer found, all in the rotated space y = x·R. */
export interface Assignment {
  /** (n, dim) rotated items. */
  readonly y: tf.Tensor2D;
  /** (n, dim) what is left of y after the coarse centroid. */
  readonly residual: tf.Tensor2D;
  /** (n, dim) coarse centroid + decoded residual. */
  readonly decoded: tf.Tensor2D;
  /** (n) int32; all 0 without coarse centroids. */
  readonly coarseCodes: tf.Tensor1D;
  /** (n, M) int32. */
  readonly codes: tf.Tensor2D;
  /** (n·M) int32, `codes` as rows of the (M·ksub, subDim) centroid table. */
  readonly rows: tf.Tensor1D;
}

/** What a loss of the layer is computed from, in a joint step. */
export interface LossInput {
  /** (n, dim) items before quantization, and T(x). */
  readonly x: tf.Tensor2D;
  readonly quantized: tf.Tensor2D;
  readonly at: Assignment;
  /** (nlist, dim) in the rotated space; null without cells. */
  readonly coarseCentroids: tf.Tensor2D | null;
  /** (M, ksub, subDim) in the rotated space. */
  readonly centroids: tf.Tensor3D;
  /** (n, dim) of the rotated space → the items' own space. */
  readonly rotateBack: (rotated: tf.Tensor2D) => tf.Tensor2D;
  /** What a sum over items is multiplied by: 1, or 1/n for a mean. */
  readonly perItem: number;
  /** The same for a sum over queries. */
  readonly perQuery: number;
  /**
   * (b, dim), and (b) cell of the item that each of them led to, int32 or as floats. Only a loss that needs queries may
   * read them.
   */
  readonly queries?: tf.Tensor2D | undefined;
  readonly cells?: tf.Tensor1D | undefined;
}

/**
 * A loss of the layer. Its options become options of the layer, and of the trainer's `index` section: all numbers from
 * 0 up, `<name>Weight` first, which switches the loss off at 0.
 */
export interface LayerLoss<O extends Record<string, number>> {
  /** Option → default. */
  readonly options: O;
  /** Option → what it does, for a reference of the configuration. */
  readonly about: Readonly<Record<keyof O, string>>;
  /** items: in every joint step. queries: where queries are given. teacher: handed to the caller's ranking loss. */
  readonly needs: "items" | "queries" | "teacher";
  /** The weighted loss; undefined where there is nothing to compute it from. */
  readonly compute?: (input: LossInput, options: Readonly<O>) => tf.Scalar | undefined;
}

/** Keeps the names of the options in the type. */
export function layerLoss<O extends Record<string, number>>(loss: LayerLoss<O>): LayerLoss<O> {
  return loss;
}
