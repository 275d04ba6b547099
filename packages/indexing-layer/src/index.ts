/** The Poeem indexing layer for TensorFlow.js: coarse and product quantization learned inside the item tower. */
export type { CallOptions, CallResult } from "./call.ts";
export {
  type CodebookUpdate,
  type GivensConfig,
  type IndexingLayerConfig,
  type IndexingLayerOptions,
  type Preset,
  type Rotation,
  resolveConfig,
} from "./config.ts";
export { withGradient } from "./custom-gradient.ts";
export { isOnDevice, treatAsDevice } from "./device/on-device.ts";
export { orderedSum, planSums, type RowLists, type SumPlan, transposedLists } from "./device/ordered-sum.ts";
export { sumByList } from "./device/sum-by-list.ts";
export { type InitialCodebook, initializeCodebook } from "./initialize.ts";
export { kmeans } from "./kmeans.ts";
export { IndexingLayer, type Phase } from "./layer.ts";
export { LOSS_DEFAULTS, LOSS_LIST, type LossName, type LossOption, type LossOptions } from "./losses/index.ts";
export { routingLoss } from "./losses/routing.ts";
export { type CodeUsage, codeUsage, type LayerMetrics, subCodeUsage, usageOfCounts } from "./metrics.ts";
export { nearestOrthogonal } from "./polar.ts";
export { Random } from "./random.ts";
export {
  type CodedVectors,
  type Improvement,
  improveCodes,
  type ScoreError,
  type SubQuantizers,
} from "./score-codes.ts";
export { maskLogits } from "./softmax/entries.ts";
export { softmaxLogSums } from "./softmax/log-sums.ts";
export { inBatchSoftmaxLoss, logSums, softmaxLoss, useSoftmaxKernel } from "./softmax/loss.ts";
export { type Lists, MASKED, type SoftmaxProblem, type SoftmaxResult, type Teacher } from "./softmax/problem.ts";
export { logSumExp, softmaxInTensors } from "./softmax/tensors.ts";
export type { IndexingLayerState, TrainedCodebook } from "./state.ts";
export { straightThrough } from "./straight-through.ts";
export type { Losses } from "./training-losses.ts";
