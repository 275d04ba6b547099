import { UserError } from "@poeem/offline/errors";
import { counted, formatCount } from "@poeem/offline/progress";
import type { FittedConfig, Passes, PoeemConfig } from "../config.ts";
import type { Dataset } from "../data/types.ts";
import { eventOrder } from "./event-order.ts";
import { createHistoryBatches, groupSizeOfModel } from "./history-batch.ts";

// Of anything: a training that needs more will not be waited for.
const MOST_EPOCHS = 1 << 20;

/** The schedule of a training, known before its first step. */
export interface TrainingPlan {
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Steps at the start in which items pass the quantizer unchanged. */
  readonly warmupSteps: number;
}

/**
 * Steps of some passes over the training events. Events that fill no batch are left out of an epoch.
 * @throws UserError for a batch of more events than there are
 */
export function planSteps(config: PoeemConfig, dataset: Dataset, { batchSize, epochs }: Passes): TrainingPlan {
  const numEvents = dataset.eventItem.length;
  if (numEvents < batchSize) {
    throw new UserError(
      `training.batchSize: expected at most the number of training events (${formatCount(numEvents)}), got ` +
        formatCount(batchSize),
    );
  }
  const stepsPerEpoch = Math.floor(numEvents / batchSize);
  const totalSteps = stepsPerEpoch * epochs;
  return { batchSize, stepsPerEpoch, totalSteps, warmupSteps: Math.floor(config.index.warmup * totalSteps) };
}

/**
 * Item vectors that the steps after the warm-up gather for the k-means start, counted up to `most`. Exact for texts and
 * contexts, whose steps all see as many items. A step of histories sees at least those counted here; which others it
 * sees is drawn at random.
 */
export function gatheredItems(config: PoeemConfig, dataset: Dataset, plan: TrainingPlan, most: number): number {
  const { batchSize, stepsPerEpoch, totalSteps, warmupSteps } = plan;
  const { objective, negatives, seed } = config.training;
  if (!dataset.past) {
    const itemsPerStep = objective === "full" ? dataset.ids.length : batchSize + negatives;
    return Math.min(most, itemsPerStep * (totalSteps - warmupSteps));
  }
  const batches = createHistoryBatches(config, dataset);
  const orderOf = eventOrder(dataset, seed, groupSizeOfModel(config, dataset));
  let gathered = 0;
  for (let step = warmupSteps; step < totalSteps && gathered < most; step++) {
    const at = (step % stepsPerEpoch) * batchSize;
    const order = orderOf(Math.floor(step / stepsPerEpoch));
    gathered += batches.fewestCandidates(order.subarray(at, at + batchSize));
  }
  return Math.min(most, gathered);
}

/** Epochs, doubled from those given until they gather as many item vectors. */
export function epochsToGather(config: PoeemConfig, dataset: Dataset, { batchSize, epochs }: Passes, count: number) {
  let enough = epochs;
  const gathered = () =>
    gatheredItems(config, dataset, planSteps(config, dataset, { batchSize, epochs: enough }), count);
  while (gathered() < count && enough < MOST_EPOCHS) enough *= 2;
  return enough;
}

/**
 * The schedule of a training.
 * @throws UserError where the events cannot start the quantizer, with values that would do
 */
export function planTraining(config: FittedConfig, dataset: Dataset): TrainingPlan {
  const { nlist, nbits, bufferSize, warmup } = config.index;
  const { batchSize } = config.training;
  const plan = planSteps(config, dataset, config.training);
  const gathered = gatheredItems(config, dataset, plan, bufferSize);
  if (gathered === bufferSize) return plan;
  const least = Math.max(nlist, 2 ** nbits);
  const would =
    gathered >= least
      ? `index.bufferSize ${gathered}`
      : `training.epochs ${epochsToGather(config, dataset, config.training, bufferSize)}`;
  throw new UserError(
    `too few training events to start the quantizer: index.bufferSize expected ${formatCount(bufferSize)} item ` +
      `vectors after the warm-up (index.warmup ${warmup}), got ${formatCount(gathered)} from ` +
      `${counted(plan.totalSteps - plan.warmupSteps, "step")} of training.batchSize ${formatCount(batchSize)}; ` +
      `${would} would do`,
  );
}
