import { UserError } from "@poeem/offline/errors";
import { formatCount } from "@poeem/offline/progress";
import type { FittedConfig, Passes, PoeemConfig } from "../config.ts";
import type { Dataset } from "../data/types.ts";
import { createHistoryBatches, eventOrderOf } from "./history-batch.ts";
import { createOrderedBatches } from "./ordered-batch.ts";

// A training that needs more epochs and more events will not be waited for.
const MOST_EPOCHS = 64;
const MOST_EVENTS = 1 << 18;
// By how much two epochs may be less than the usual, where few of their events count.
const DOUBT = 1.5;

/** What helps where no number does. */
export const MORE_HISTORIES = "leave users with a single item out of data.events, or add users with more";

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

/** What the steps of a plan gather after its warm-up, counted up to `most` item vectors. */
export type ItemCounter = (plan: TrainingPlan, most: number) => { readonly gathered: number; readonly steps: number };

/**
 * Counts the item vectors that the steps after a warm-up gather for the k-means start, and the steps looked at. Exact
 * for texts and contexts, whose steps all see as many items. A step of histories sees at least those counted here;
 * which others it sees is drawn at random. No step is counted twice.
 */
export function itemCounter(config: PoeemConfig, dataset: Dataset): ItemCounter {
  const { objective, negatives } = config.training;
  if (!dataset.past) {
    return ({ batchSize, totalSteps, warmupSteps }, most) => {
      const steps = totalSteps - warmupSteps;
      const itemsPerStep = objective === "full" ? dataset.ids.length : batchSize + negatives;
      return { gathered: Math.min(most, itemsPerStep * steps), steps };
    };
  }
  const batches = config.model.history.order
    ? createOrderedBatches(config, dataset)
    : createHistoryBatches(config, dataset);
  const orderOf = eventOrderOf(config, dataset);
  const counts: number[] = [];
  return ({ batchSize, stepsPerEpoch, totalSteps, warmupSteps }, most) => {
    let gathered = 0;
    let step = warmupSteps;
    for (; step < totalSteps && gathered < most; step++) {
      const at = (step % stepsPerEpoch) * batchSize;
      counts[step] ??= batches.fewestCandidates(orderOf(Math.floor(step / stepsPerEpoch)).subarray(at, at + batchSize));
      gathered += counts[step]!;
    }
    return { gathered: Math.min(most, gathered), steps: step - warmupSteps };
  };
}

/**
 * Epochs, doubled from those given until they gather as many item vectors. Undefined where that takes more than anybody
 * waits for: more than 64 and more events than 2^18, as where next to no event has a history. Two epochs tell.
 */
export function epochsToGather(
  config: PoeemConfig,
  dataset: Dataset,
  { batchSize, epochs }: Passes,
  count: number,
  counter = itemCounter(config, dataset),
): number | undefined {
  const planOf = (passes: number) => planSteps(config, dataset, { batchSize, epochs: passes });
  const most = Math.max(epochs, MOST_EPOCHS, Math.ceil(MOST_EVENTS / dataset.eventItem.length));
  const longest = planOf(most);
  for (let enough = epochs; ; enough = Math.min(most, 2 * enough)) {
    const plan = planOf(enough);
    const { gathered, steps } = counter(plan, count);
    if (gathered >= count) return enough;
    const hoped = DOUBT * (gathered / Math.max(1, steps)) * (longest.totalSteps - longest.warmupSteps);
    if (enough === most || (steps >= 2 * plan.stepsPerEpoch && hoped < count)) return undefined;
  }
}

/**
 * The schedule of a training.
 * @throws UserError where the events cannot start the quantizer, with values that would do
 */
export function planTraining(config: FittedConfig, dataset: Dataset): TrainingPlan {
  const { nlist, nbits, bufferSize, warmup } = config.index;
  const { batchSize } = config.training;
  const plan = planSteps(config, dataset, config.training);
  const counter = itemCounter(config, dataset);
  const { gathered } = counter(plan, bufferSize);
  if (gathered === bufferSize) return plan;
  const least = Math.max(nlist, 2 ** nbits);
  const would = (): string => {
    if (gathered >= least) return `index.bufferSize ${gathered} would do`;
    for (const count of [bufferSize, least]) {
      const epochs = epochsToGather(config, dataset, config.training, count, counter);
      if (epochs === undefined) continue;
      return `training.epochs ${epochs}${count < bufferSize ? ` with index.bufferSize ${least}` : ""} would do`;
    }
    return MORE_HISTORIES;
  };
  throw new UserError(
    `too few training events to start the quantizer: index.bufferSize expected ${formatCount(bufferSize)} item ` +
      `vectors after the warm-up (index.warmup ${warmup}), got ${formatCount(gathered)} from ` +
      `${formatCount(plan.totalSteps - plan.warmupSteps)} steps of training.batchSize ${formatCount(batchSize)}; ` +
      would(),
  );
}
