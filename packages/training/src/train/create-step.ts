import { BatchBuilder } from "../model/batch.ts";
import { HistoryStep } from "./history-step.ts";
import type { JointStep, StepParts } from "./joint-step.ts";
import { OrderedStep } from "./ordered-step.ts";
import { TrainingStep } from "./step.ts";

/** The step of a training, by what its queries are. */
export function createStep(parts: StepParts): JointStep {
  const { config, dataset } = parts;
  if (!dataset.past) {
    return new TrainingStep({ ...parts, batches: new BatchBuilder(dataset, config.training.batchSize) });
  }
  return config.model.history.order ? new OrderedStep(parts) : new HistoryStep(parts);
}
