import { IndexingLayer, LOSS_LIST, type LossOptions } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { lossOptions } from "../config/losses.ts";
import type { FittedConfig, PoeemConfig } from "../config.ts";
import type { Dataset } from "../data/types.ts";
import type { TrainingPlan } from "./plan.ts";

/**
 * The indexing layer of a training.
 * @throws UserError when a loss is asked for that the steps of this training cannot serve
 */
export function createLayer(
  config: FittedConfig,
  { warmupSteps }: Pick<TrainingPlan, "warmupSteps">,
  dataset: Pick<Dataset, "past">,
): IndexingLayer {
  const { nlist, numSubQuantizers, nbits, bufferSize } = config.index;
  return new IndexingLayer({
    dim: config.model.dim,
    nlist,
    numSubQuantizers,
    nbits,
    warmupSteps,
    bufferSize,
    seed: config.training.seed,
    ...servedLosses(config, dataset.past !== undefined),
  });
}

/**
 * The losses that `index` asks for. One of queries or of a teacher (routing, distillation) that it leaves out is on, as
 * the layer has it, where texts or contexts meet a sample of the items. It is off for queries with a history, and with
 * the objective `full`, whose steps could serve it: there it has to be asked for.
 * @throws UserError for one that is asked for and cannot work: routing with histories, a teacher with a mixture of them
 */
function servedLosses(config: PoeemConfig, hasHistories: boolean): Partial<LossOptions> {
  const options: Record<string, number> = lossOptions(config.index);
  const isMixture = config.model.history.as === "mixture";
  const isUsual = !hasHistories && config.training.objective !== "full";
  for (const [name, { needs }] of LOSS_LIST) {
    if (needs === "items") continue;
    const weight = `${name}Weight`;
    // a history is read through the layer, so its queries come too late for the layer's own losses
    const isServed = !hasHistories || (needs === "teacher" && !isMixture);
    if (!isServed && (options[weight] ?? 0) > 0) {
      const where = needs === "teacher" ? "a mixture of histories" : "queries with a history";
      throw new UserError(`index.${name}: expected 0 for ${where}, got ${options[weight]}`);
    }
    if (options[weight] === undefined && !isUsual) options[weight] = 0;
  }
  return options;
}
