import { isOnDevice } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { formatCount } from "@poeem/offline/progress";
import { BatchBuilder } from "../model/batch.ts";
import { HistoryStep } from "./history-step.ts";
import type { JointStep, StepParts } from "./joint-step.ts";
import { OrderedStep } from "./ordered-step.ts";
import { TrainingStep } from "./step.ts";

/** The step of a training, by what its queries are. */
export function createStep(parts: StepParts): JointStep {
  const { config, dataset } = parts;
  expectFewItems(dataset.ids.length);
  if (!dataset.past) {
    return new TrainingStep({ ...parts, batches: new BatchBuilder(dataset, config.training.batchSize) });
  }
  return config.model.history.order ? new OrderedStep(parts) : new HistoryStep(parts);
}

/** Whole numbers that single precision holds: a device computes with numbers of items as such. */
const MOST_ON_DEVICE = 2 ** 24;

/** @throws UserError for a catalogue that no device trains */
function expectFewItems(count: number): void {
  if (isOnDevice() && count > MOST_ON_DEVICE)
    throw new UserError(
      `on this backend training takes up to ${formatCount(MOST_ON_DEVICE)} items, got ${formatCount(count)}; ` +
        "set training.sampleItems, or --backend wasm",
    );
}
