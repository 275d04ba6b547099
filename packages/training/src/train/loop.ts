import { setImmediate as nextTurn } from "node:timers/promises";
import { type IndexingLayer, Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { formatCount, type ProgressStarter, silentProgress } from "@poeem/offline/progress";
import { InputError } from "@poeem/pq-core";
import type { FittedConfig, PoeemConfig } from "../config.ts";
import type { Dataset } from "../data/types.ts";
import { TwoTower } from "../model/two-tower.ts";
import { releaseMemory } from "../release-memory.ts";
import { joinStates, restoreParts } from "../state.ts";
import type { Checkpoint, CheckpointStore } from "./checkpoint.ts";
import { createLayer } from "./create-layer.ts";
import { createStep } from "./create-step.ts";
import { EarlyStopping, type EarlyStoppingFacts } from "./early-stopping.ts";
import { eventOrderOf } from "./history-batch.ts";
import { type Interrupt, InterruptedError } from "./interrupt.ts";
import { layerState } from "./layer-state.ts";
import { type EpochFacts, type MeasurementFacts, Measurements } from "./measurements.ts";
import { planTraining } from "./plan.ts";
import type { TrainingLog } from "./training-log.ts";
import { type Validation, validationSchedule } from "./validation.ts";

export interface TrainedModel {
  readonly model: TwoTower;
  readonly layer: IndexingLayer;
  readonly epochs: EpochFacts[];
  /** Steps taken, and the step whose weights these are: the same, or the best one when training stopped early. */
  readonly steps: number;
  readonly weightsOfStep: number;
  readonly examplesPerSecond: number;
  readonly log: TrainingLog;
}

/** What a checkpoint of the loop holds beside arrays. */
export interface LoopFacts {
  readonly measured: MeasurementFacts;
  readonly stopping: EarlyStoppingFacts;
}

/** What does not change the outcome of a training, apart from `validation` with early stopping. */
export interface TrainingRun {
  /** Where checkpoints go; none are written without. */
  readonly checkpoints?: CheckpointStore | undefined;
  /** Where to resume from. */
  readonly resume?: Checkpoint<LoopFacts> | undefined;
  /** Asked between two steps whether to stop. */
  readonly interrupt?: Interrupt | undefined;
  readonly validation?: Validation | undefined;
  readonly startProgress?: ProgressStarter | undefined;
}

/**
 * Trains both towers and the index together. Everything random comes from `training.seed`.
 * @throws UserError before the first step for events that cannot start the quantizer, and for a loss that diverges
 */
export async function trainModel(
  config: FittedConfig,
  dataset: Dataset,
  { checkpoints, resume, interrupt, validation, startProgress = silentProgress }: TrainingRun = {},
): Promise<TrainedModel> {
  const { epochs, seed } = config.training;
  const plan = planTraining(config, dataset);
  const { batchSize, stepsPerEpoch, totalSteps } = plan;
  const model = new TwoTower(config, dataset);
  const layer = createLayer(config, plan, dataset);
  const random = new Random(seed + 1);
  const step = createStep({ config, dataset, model, layer, random });
  const weights = { model, layer: layerState(layer) };
  const parts = { ...weights, step };
  if (resume) restoreParts(parts, resume.state);
  const measured = new Measurements({ stepsPerEpoch, epochs, batchSize }, resume?.facts.measured);
  const stopping = new EarlyStopping(config.training.earlyStopping, weights, checkpoints, resume?.facts.stopping);
  const save = async (): Promise<void> => {
    const facts: LoopFacts = { measured: measured.facts(), stopping: stopping.facts };
    await step.pull();
    await checkpoints?.save(measured.step, facts, await joinStates(parts));
  };
  const { validations } = config.training;
  const isValidation = validationSchedule(validation ? validations : 0, dataset.ids.length, totalSteps, batchSize);
  const progress = startProgress("train", totalSteps * batchSize, "examples");
  const orderOf = eventOrderOf(config, dataset);
  const eventsOf = (index: number): Uint32Array => {
    const at = (index % stepsPerEpoch) * batchSize;
    return orderOf(Math.floor(index / stepsPerEpoch)).subarray(at, at + batchSize);
  };
  interrupt?.defer("stopping after this step");
  try {
    // of each step that was taken and not measured yet: whether its items passed the quantizer
    const taken: boolean[] = [];
    let events = eventsOf(Math.min(measured.step, totalSteps - 1));
    while (measured.step < totalSteps && !stopping.done) {
      const before = measured.step + taken.length;
      const next = before + 1 < totalSteps ? eventsOf(before + 1) : undefined;
      const phase = layer.phase;
      try {
        await step.take(events, rateShare(config.training.decay, before / totalSteps), next);
      } catch (error) {
        // the layer refuses what is not finite
        throw error instanceof InputError && before > 0 ? diverged(error.message, before + 1, totalSteps) : error;
      }
      events = next ?? events;
      taken.push(phase === "joint");
      const count = before + 1;
      const isValidated = validation !== undefined && isValidation(count);
      const isSaved = checkpoints?.due === true;
      const isLast = count % stepsPerEpoch === 0 || isValidated || isSaved || layer.phase !== phase;
      if (taken.length < step.readEvery && !isLast) {
        await nextTurn();
        if (!interrupt?.requested) continue;
      }
      const results = await step.results();
      for (const [i, result] of results.entries()) {
        if (!Number.isFinite(result.loss)) throw diverged(`loss ${result.loss}`, measured.step + 1, totalSteps);
        measured.addStep(result, taken[i]!);
        if (i < results.length - 1) measured.record();
      }
      taken.length = 0;
      if (layer.phase !== phase) {
        measured.milestone(PHASE_NEWS[layer.phase]);
        progress.say(`step ${formatCount(measured.step)}: ${PHASE_NEWS[layer.phase]}`);
        // the k-means start left some
        if (layer.ready) releaseMemory();
      }
      if (isValidated) {
        await step.pull();
        const recall = await validation.recall(model, layer);
        measured.record(recall);
        // recall of unquantized items is another measure: it is shown, but no reason to stop or to keep weights
        if (layer.ready) await stopping.add(measured.step, recall);
      } else measured.record();
      const ended = measured.step % stepsPerEpoch === 0 || stopping.done;
      progress.update(
        measured.examples,
        note(measured, epochs, layer.ready ? results.at(-1)!.distortion : undefined, validation?.k),
      );
      if (checkpoints && (ended || isSaved)) await save();
      // Without this a backend that computes synchronously would never let a signal through.
      await nextTurn();
      // also after the last step: what follows is done when the training is resumed
      if (interrupt?.requested) {
        if (checkpoints && !ended) await save();
        throw new InterruptedError(`stopped at step ${formatCount(measured.step)} of ${formatCount(totalSteps)}`);
      }
    }
    await step.pull();
  } finally {
    interrupt?.release();
    progress.stop();
    step.dispose();
  }
  if (!layer.ready) throw new Error("[training] the quantizer never started, although the plan said it would");
  return {
    model,
    layer,
    epochs: measured.epochs,
    steps: measured.step,
    weightsOfStep: await stopping.restoreBest(measured.step),
    examplesPerSecond: measured.examples / measured.seconds,
    log: measured.log(validation && { k: validation.k, queries: validation.queries }),
  };
}

function diverged(what: string, step: number, totalSteps: number): UserError {
  return new UserError(
    `training diverged: ${what} at step ${step} of ${totalSteps}; try a smaller training.learningRate`,
  );
}

const PHASE_NEWS = {
  warmup: "warm-up, items pass the quantizer unchanged",
  collecting: "gathering item vectors for the k-means start",
  joint: "codebooks are in place, training towers and index together",
};

/** Share of the configured rates: the last steps, at a small one, settle codes and vectors. */
function rateShare(decay: PoeemConfig["training"]["decay"], progress: number): number {
  if (decay === "linear") return 1 - 0.98 * progress;
  return progress < 0.5 ? 1 : 1 - 0.9 * (2 * progress - 1);
}

function note(measured: Measurements, epochs: number, distortion: number | undefined, k: number | undefined): string {
  const tail = distortion === undefined ? "" : ` · distortion ${distortion.toFixed(3)}`;
  const recall = measured.records.findLast((record) => record.validationRecall !== undefined)?.validationRecall;
  const seen = recall === undefined ? "" : ` · validation recall@${k} ${recall.toFixed(3)}`;
  return `epoch ${measured.currentEpoch}/${epochs} · loss ${measured.epochLoss.toFixed(3)}${tail}${seen}`;
}
