/** The Poeem indexing layer for TensorFlow.js: coarse and product quantization learned inside the item tower. */
export {
  type Angle,
  type CodebookUpdate,
  type Estimator,
  type GivensConfig,
  type IndexingLayerConfig,
  type IndexingLayerOptions,
  type Pairing,
  type Preset,
  type Rotation,
  resolveConfig,
} from "./config.ts";
export { withGradient } from "./custom-gradient.ts";
export { type InitialCodebook, initializeCodebook } from "./initialize.ts";
export {
  type CallOptions,
  type CallResult,
  IndexingLayer,
  type LayerMetrics,
  type Phase,
  type TrainedCodebook,
} from "./layer.ts";
export { type CodeUsage, codeUsage, subCodeUsage } from "./metrics.ts";
export { Random } from "./random.ts";
export { distillationLoss, inBatchSoftmaxLoss, routingLoss } from "./ranking-losses.ts";
export { rotationTrick } from "./rotation-trick.ts";
export type { IndexingLayerState } from "./state.ts";
export { straightThrough } from "./straight-through.ts";
export type { Losses } from "./training-losses.ts";
