import { IndexingLayer, Random } from "@poeem/indexing-layer";
import type { PoeemConfig } from "../config.ts";
import type { Dataset } from "../data/dataset.ts";
import { UserError } from "../errors.ts";
import { BatchBuilder } from "../model/batch.ts";
import { TwoTower } from "../model/two-tower.ts";
import { createProgress, formatCount } from "../progress.ts";
import { TrainingStep } from "./step.ts";

/** Where training ended, per epoch. */
export interface EpochFacts {
  readonly epoch: number;
  readonly loss: number;
  readonly distortion: number;
}

export interface TrainedModel {
  readonly model: TwoTower;
  readonly layer: IndexingLayer;
  readonly epochs: EpochFacts[];
  readonly examplesPerSecond: number;
}

/** Trains both towers and the index together. Everything random comes from `training.seed`. */
export async function trainModel(config: PoeemConfig, dataset: Dataset): Promise<TrainedModel> {
  const { batchSize, epochs, seed } = config.training;
  const numEvents = dataset.eventItem.length;
  if (numEvents < batchSize) {
    throw new UserError(
      `training.batchSize: expected at most the number of training events (${numEvents}), got ${batchSize}`,
    );
  }
  const stepsPerEpoch = Math.floor(numEvents / batchSize);
  const totalSteps = stepsPerEpoch * epochs;
  const model = new TwoTower(config, dataset);
  const layer = createLayer(config, totalSteps);
  const random = new Random(seed + 1);
  const step = new TrainingStep({
    config,
    dataset,
    model,
    layer,
    batches: new BatchBuilder(dataset, batchSize),
    random,
  });
  const facts: EpochFacts[] = [];
  const started = performance.now();
  const progress = createProgress("train", totalSteps * batchSize, "examples");
  let phase = layer.phase;
  let done = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = Uint32Array.from(random.permutation(numEvents));
    const sums = { loss: 0, distortion: 0 };
    for (let i = 0; i < stepsPerEpoch; i++) {
      const result = await step.run(order.subarray(i * batchSize, (i + 1) * batchSize), rateShare(done / totalSteps));
      if (!Number.isFinite(result.loss)) {
        throw new UserError(
          `training diverged: loss ${result.loss} at step ${done + 1} of ${totalSteps}; try a smaller training.learningRate`,
        );
      }
      sums.loss += result.loss;
      sums.distortion += result.distortion;
      done++;
      progress.update(
        done * batchSize,
        note(epoch, epochs, sums.loss / (i + 1), layer.ready ? result.distortion : undefined),
      );
      if (layer.phase !== phase) {
        phase = layer.phase;
        progress.say(`step ${formatCount(done)}: ${PHASE_NEWS[phase]}`);
      }
    }
    facts.push({ epoch, loss: sums.loss / stepsPerEpoch, distortion: sums.distortion / stepsPerEpoch });
  }
  progress.stop();
  step.dispose();
  if (!layer.ready) {
    throw new UserError(
      `the quantizer never started: ${formatCount(totalSteps * batchSize)} examples are too few for index.warmup ${config.index.warmup} and index.bufferSize ${config.index.bufferSize}`,
    );
  }
  return {
    model,
    layer,
    epochs: facts,
    examplesPerSecond: (totalSteps * batchSize) / ((performance.now() - started) / 1000),
  };
}

const PHASE_NEWS = {
  warmup: "warm-up, items pass the quantizer unchanged",
  collecting: "gathering item vectors for the k-means start",
  joint: "codebooks are in place, training towers and index together",
};

/** Full rate for the first half, then straight down to a tenth: the last steps settle codes and vectors. */
function rateShare(progress: number): number {
  return progress < 0.5 ? 1 : 1 - 0.9 * (2 * progress - 1);
}

function createLayer(config: PoeemConfig, totalSteps: number): IndexingLayer {
  const { nlist, numSubQuantizers, nbits, warmup, bufferSize } = config.index;
  return new IndexingLayer({
    dim: config.model.dim,
    nlist,
    numSubQuantizers,
    nbits,
    warmupSteps: Math.floor(warmup * totalSteps),
    bufferSize,
    seed: config.training.seed,
  });
}

function note(epoch: number, epochs: number, loss: number, distortion: number | undefined): string {
  const tail = distortion === undefined ? "" : ` · distortion ${distortion.toFixed(3)}`;
  return `epoch ${epoch}/${epochs} · loss ${loss.toFixed(3)}${tail}`;
}
