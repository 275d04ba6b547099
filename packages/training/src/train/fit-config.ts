import { UserError } from "@poeem/offline/errors";
import { formatCount } from "@poeem/offline/progress";
import type { FittedConfig, PoeemConfig } from "../config.ts";
import { asksMoreThanHistory } from "../data/past.ts";
import type { Dataset } from "../data/types.ts";
import { gatheredItems, planSteps } from "./plan.ts";

/** What the settings are where there is plenty to learn from. */
const USUAL = { nlist: 64, nprobe: 32, bufferSize: 8192, batchSize: 1024, epochs: 2 };
/** Items per cell, on average. */
const ITEMS_PER_CELL = 32;
/** Steps that few events are cut into per epoch, and steps of the whole training. */
const STEPS_PER_EPOCH = 16;
const LEAST_STEPS = 160;

/**
 * Fills in what follows from the data, unless it is set by hand:
 *
 * - `index.nlist`: 64, or the largest power of two that leaves every cell 32 items on average.
 * - `index.nprobe`: 32, or all cells where there are fewer.
 * - `training.batchSize`: 1024, or the largest power of two that makes 16 steps of an epoch.
 * - `training.epochs`: 2, or as many as make 160 steps.
 * - `index.bufferSize`: 8192, or half of the item vectors met after the warm-up, and at least one for each centroid.
 *
 * @throws UserError for histories that are none, and for more cells than items
 */
export function fitConfig(config: PoeemConfig, dataset: Dataset): FittedConfig {
  const { index, training } = config;
  const numItems = dataset.ids.length;
  if (!asksMoreThanHistory(dataset) && !hasHistories(dataset)) {
    throw new UserError(
      `data.events: no user has two items, so no training event has a history: expected users of at least two items ` +
        `to train on, or events.query`,
    );
  }
  if ((index.nlist ?? 0) > numItems) {
    throw new UserError(
      `index.nlist: expected at most the number of items (${formatCount(numItems)}), got ${formatCount(index.nlist!)}`,
    );
  }
  const nlist = index.nlist ?? Math.min(USUAL.nlist, powerOfTwo(numItems / ITEMS_PER_CELL));
  const nprobe = Math.min(index.nprobe ?? USUAL.nprobe, Math.max(1, nlist));
  const numCentroids = Math.max(nlist, 2 ** index.nbits);
  const numEvents = dataset.eventItem.length;
  const batchSize = training.batchSize ?? Math.min(USUAL.batchSize, powerOfTwo(numEvents / STEPS_PER_EPOCH));
  const gathered = (epochs: number, most: number): number =>
    gatheredItems(config, dataset, planSteps(config, numEvents, { batchSize, epochs }), most);
  const epochs = training.epochs ?? fittedEpochs(Math.floor(numEvents / batchSize), (e) => gathered(e, numCentroids));
  const half = Math.floor(gathered(epochs, 2 * USUAL.bufferSize) / 2);
  const bufferSize = index.bufferSize ?? Math.max(numCentroids, half);
  return {
    ...config,
    index: { ...index, nlist, nprobe, bufferSize },
    training: { ...training, batchSize, epochs },
  };

  /** As many as make enough steps, and gather an item for each centroid. */
  function fittedEpochs(stepsPerEpoch: number, gathers: (epochs: number) => number): number {
    let epochs = Math.max(USUAL.epochs, Math.ceil(LEAST_STEPS / stepsPerEpoch));
    // a step of one event gathers little
    while (gathers(epochs) < numCentroids) epochs *= 2;
    return epochs;
  }
}

/** Whether the training has users with anything before, or beside, one of their items. */
export function hasHistories({ past }: Dataset): boolean {
  if (!past) return true;
  const { offsets } = past.items;
  for (let user = 0; user + 1 < offsets.length; user++) if (offsets[user + 1]! - offsets[user]! > 1) return true;
  return false;
}

/** What was fitted to the data and is not what it is with plenty, as one line; none where nothing is. */
export function describeFit(before: PoeemConfig, after: FittedConfig, dataset: Dataset): string | undefined {
  const fitted = [
    ...(["nlist", "nprobe", "bufferSize"] as const).map((key) => ["index", key, before.index[key], after.index[key]]),
    ...(["batchSize", "epochs"] as const).map((key) => ["training", key, before.training[key], after.training[key]]),
  ] as [string, keyof typeof USUAL, number | undefined, number][];
  const changed = fitted.filter(([, key, asked, value]) => value !== (asked ?? USUAL[key]));
  if (changed.length === 0) return undefined;
  const settings = changed.map(([section, key, asked, value]) => {
    const instead = asked === undefined ? "" : ` instead of ${formatCount(asked)}`;
    return `${section}.${key} ${formatCount(value)}${instead}`;
  });
  const { ids, eventItem } = dataset;
  return `${formatCount(ids.length)} items, ${formatCount(eventItem.length)} training events: ${settings.join(", ")}`;
}

const powerOfTwo = (most: number): number => 2 ** Math.floor(Math.log2(Math.max(1, most)));
