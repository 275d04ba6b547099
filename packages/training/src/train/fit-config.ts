import { UserError } from "@poeem/offline/errors";
import { counted, formatCount } from "@poeem/offline/progress";
import { type Codes, codesOf, describeKind, kindOf, type QueryKind } from "../config/kinds.ts";
import type { FittedConfig, Passes, PoeemConfig } from "../config.ts";
import { asksMoreThanHistory } from "../data/past.ts";
import type { Dataset } from "../data/types.ts";
import { epochsToGather, type ItemCounter, itemCounter, MORE_HISTORIES, planSteps } from "./plan.ts";

/** What the settings are where there is plenty to learn from. */
const USUAL: Record<QueryKind, Passes & Record<"nlist" | "nprobe", number>> = {
  texts: { nlist: 64, nprobe: 32, batchSize: 1024, epochs: 2 },
  histories: { nlist: 64, nprobe: 32, batchSize: 384, epochs: 8 },
  "ordered histories": { nlist: 256, nprobe: 128, batchSize: 1024, epochs: 8 },
};
/**
 * Where an item has fewer bits, its cell says more of it than some more of them would; of 16 bytes so many cells find
 * less (docs/experiments/trainer.md).
 */
const FEW_BITS = 128;
const FINER_CELLS: Partial<Record<QueryKind, Partial<Record<"nlist" | "nprobe" | "itemsPerCell", number>>>> = {
  histories: { nlist: 256 },
  "ordered histories": { nlist: 512, nprobe: 256, itemsPerCell: 16 },
};
const BUFFER = 8192;
/** Items per cell, on average. */
const ITEMS_PER_CELL = 32;
/** Steps that few events are cut into per epoch, and steps of the whole training. */
const STEPS_PER_EPOCH = 16;
const LEAST_STEPS = 160;
/** The items of a batch compete with each other: in one of two there is little to learn. */
const LEAST_BATCH = 16;

/** What vectors find with few events for each item, next to 4; docs/experiments/trainer.md has the curve. */
const EXPECTED: readonly (readonly [eventsPerItem: number, share: string])[] = [
  [0.5, "less than half"],
  [2, "about two thirds"],
];

const NO_HISTORY = "no user has two items, so no training event has a history";

/**
 * Fills in what follows from the data, unless it is set by hand:
 *
 * - `index.numSubQuantizers` and `nbits`, of histories with an order: 16 × 8 bits, or 32 × 4 of many items.
 * - `index.nlist`: 64 (256 for ordered histories), or the largest power of two that leaves every cell 32 items on
 *   average; for histories in fewer than 16 bytes 256, or for ordered ones 512, or what leaves 16.
 * - `index.nprobe`: 32, or half of the usual cells of ordered histories, or all where there are fewer.
 * - `training.batchSize`: 1024 (384 for histories), or the largest power of two that makes 16 steps of an epoch; at
 *   least 16 where there are as many events.
 * - `training.epochs`: 2 (8 for histories), or as many as make 160 steps.
 * - `training.negatives`: of texts no more than there are items.
 * - `training.ownSentences`: whether there are any.
 * - `events.halfLife`: that which the data say (src/data/half-life.ts).
 * - `index.bufferSize`: 8192, or half of the item vectors met after the warm-up, and at least one for each centroid.
 *
 * @throws UserError for histories that are none or next to none, and for more cells than items
 */
export function fitConfig(asked: PoeemConfig, dataset: Dataset): FittedConfig {
  const numItems = dataset.ids.length;
  const kind = kindOf(asked, asked.model.history);
  const { negatives } = asked.training;
  const training = { ...asked.training, negatives: kind === "texts" ? Math.min(negatives, numItems) : negatives };
  const config = { ...asked, training };
  // how long a search takes is for the index to say
  const indexed = dataset.catalogue?.ids.length ?? numItems;
  const index = { ...config.index, ...codesOf(config.index, indexed, config.model.dim) };
  if (!hasHistories(dataset) && !asksMoreThanHistory(dataset)) {
    throw new UserError(
      `data.events: ${NO_HISTORY}: expected users with at least two items after the split, or texts (events.query)`,
    );
  }
  if ((index.nlist ?? 0) > numItems) {
    throw new UserError(
      `index.nlist: expected at most the number of items (${formatCount(numItems)}), got ${formatCount(index.nlist!)}`,
    );
  }
  const usual = usualOf(kind, index);
  const room = index.bufferSize ?? usual.nlist;
  const nlist = index.nlist ?? powerOfTwo(Math.min(usual.nlist, room, numItems / usual.itemsPerCell));
  const nprobe = Math.min(index.nprobe ?? usual.nprobe, Math.max(1, nlist));
  const numCentroids = Math.max(nlist, 2 ** index.nbits);
  const batchSize = training.batchSize ?? fittedBatch(dataset.eventItem.length, usual.batchSize);
  const counter = itemCounter(config, dataset);
  const epochs = training.epochs ?? fittedEpochs(config, dataset, { ...usual, batchSize }, numCentroids, counter);
  const plan = planSteps(config, dataset, { batchSize, epochs });
  const bufferSize = index.bufferSize ?? Math.max(numCentroids, Math.floor(counter(plan, 2 * BUFFER).gathered / 2));
  return {
    ...config,
    events: { ...config.events, halfLife: config.events.halfLife ?? dataset.halfLife },
    index: { ...index, nlist, nprobe, bufferSize },
    training: { ...training, batchSize, epochs, ownSentences: dataset.ownSentences.count > 0 },
  };
}

function usualOf(kind: QueryKind, { numSubQuantizers, nbits }: Codes) {
  const isFine = numSubQuantizers * nbits < FEW_BITS;
  return { ...USUAL[kind], itemsPerCell: ITEMS_PER_CELL, ...(isFine && FINER_CELLS[kind]) };
}

function fittedBatch(numEvents: number, usual: number): number {
  const least = powerOfTwo(Math.min(LEAST_BATCH, numEvents));
  return Math.min(usual, Math.max(least, powerOfTwo(numEvents / STEPS_PER_EPOCH)));
}

/**
 * As many as make enough steps, and gather an item for each centroid.
 * @throws UserError where nobody would wait for that
 */
function fittedEpochs(
  config: PoeemConfig,
  dataset: Dataset,
  { batchSize, epochs: usual }: Passes,
  numCentroids: number,
  counter: ItemCounter,
): number {
  const { stepsPerEpoch } = planSteps(config, dataset, { batchSize, epochs: 1 });
  const epochs = Math.max(usual, Math.ceil(LEAST_STEPS / stepsPerEpoch));
  const enough = epochsToGather(config, dataset, { batchSize, epochs }, numCentroids, counter);
  if (enough !== undefined) return enough;
  throw new UserError(
    `too few training events have a history: expected ${formatCount(numCentroids)} item vectors to start the ` +
      `quantizer from, one for each centroid; ${MORE_HISTORIES}`,
  );
}

/** Whether a training event has anything before it, or beside it; also where there are no users. */
function hasHistories({ past }: Dataset): boolean {
  if (!past) return true;
  const { offsets, values } = past.items;
  for (let user = 0; user + 1 < offsets.length; user++) {
    // one item again and again is one item
    for (let i = offsets[user]! + 1; i < offsets[user + 1]!; i++) if (values[i] !== values[i - 1]) return true;
  }
  return false;
}

/** What a person should know of the settings, one line each: those that are not what they are with plenty. */
export function describeFit(before: PoeemConfig, after: FittedConfig, dataset: Dataset): string[] {
  const usual = usualOf(kindOf(after, after.model.history), after.index);
  const kind = describeKind(after);
  const settings: [string, number | undefined, number, number][] = [
    ["index.nlist", before.index.nlist, after.index.nlist, usual.nlist],
    ["index.nprobe", before.index.nprobe, after.index.nprobe, usual.nprobe],
    ["index.bufferSize", before.index.bufferSize, after.index.bufferSize, BUFFER],
    ["training.batchSize", before.training.batchSize, after.training.batchSize, usual.batchSize],
    ["training.epochs", before.training.epochs, after.training.epochs, usual.epochs],
  ];
  const fitted = settings.flatMap(([key, asked, value, usual]) => {
    if (value === (asked ?? usual)) return [];
    return `${key} ${formatCount(value)}${asked === undefined ? "" : ` instead of ${formatCount(asked)}`}`;
  });
  const { ids, eventItem, ownSentences } = dataset;
  const learned = `${counted(eventItem.length, "training event")}${ownSentences.count > 0 ? " and sentences" : ""}`;
  const counts = `${counted(ids.length, "item")}, ${learned}`;
  return [
    ...(hasHistories(dataset) ? [] : [`${NO_HISTORY}: only texts and contexts are trained on`]),
    ...describeExpected(dataset),
    ...(kind === undefined ? [] : [kind]),
    ...describeHalfLife(before, after),
    ...(fitted.length > 0 ? [`settings that fit ${counts}: ${fitted.join(", ")}`] : []),
  ];
}

/** How fast old events cease to count, where the data said so; a line, or none. */
function describeHalfLife(before: PoeemConfig, after: FittedConfig): string[] {
  const { halfLife = 0 } = after.events;
  if (before.events.halfLife !== undefined || halfLife === 0) return [];
  return [
    `events.halfLife ${halfLife}: what an event counts falls by half in ${Math.round(100 * halfLife)} % of the ` +
      "training events, by which popularity foretells the newest of them best",
  ];
}

/** What to expect of texts where there is little behaviour; a line, or none. */
function describeExpected({ behaviour, ids, past }: Dataset): string[] {
  const each = behaviour / ids.length;
  const expected = past ? undefined : EXPECTED.find(([below]) => each < below);
  if (!expected) return [];
  return [
    `few training events (${each.toFixed(1)} for each item): expect vectors to find ${expected[1]} of what they find ` +
      "with 4 for each, and words to find more",
  ];
}

const powerOfTwo = (most: number): number => 2 ** Math.floor(Math.log2(Math.max(1, most)));
