import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { treatAsDevice } from "@poeem/indexing-layer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FittedConfig } from "../src/config.ts";
import type { Dataset } from "../src/data/types.ts";
import { joinStates } from "../src/state.ts";
import { CheckpointStore } from "../src/train/checkpoint.ts";
import { Interrupt, InterruptedError } from "../src/train/interrupt.ts";
import { layerState } from "../src/train/layer-state.ts";
import { type LoopFacts, type TrainedModel, type TrainingRun, trainModel } from "../src/train/loop.ts";
import type { Validation } from "../src/train/validation.ts";
import { validationOf } from "../src/train/validation-recall.ts";
import { backendsHere } from "./backends.ts";
import { readers, walkers } from "./histories.ts";

interface World {
  readonly config: FittedConfig;
  readonly dataset: Dataset;
}

const TRAINING = { batchSize: 64, epochs: 4, learningRate: 0.01, scale: 12, negatives: 16, earlyStopping: 3 };
const OVERRIDES = {
  model: { dim: 16 },
  index: { nlist: 4, numSubQuantizers: 16, bufferSize: 256 },
  split: { by: "last", validation: 50 },
  training: { ...TRAINING, validations: 6 },
} as const;

/** Asked once a step: it stops after some of them. */
class AfterSomeSteps extends Interrupt {
  #left: number;

  constructor(steps: number) {
    super(() => "");
    this.#left = steps;
  }

  override get requested(): boolean {
    return --this.#left <= 0;
  }
}

/** Asked to stop in the middle of a validation. */
class DuringValidation extends Interrupt {
  readonly validation: Validation;
  #isWished = false;

  constructor(validation: Validation, at: number) {
    super(() => "");
    let validations = 0;
    this.validation = {
      ...validation,
      recall: (...of: Parameters<Validation["recall"]>) => {
        this.#isWished = ++validations === at;
        return validation.recall(...of);
      },
    };
  }

  override get requested(): boolean {
    return this.#isWished;
  }
}

async function facts({ model, layer, log, weightsOfStep, epochs }: TrainedModel) {
  const records = log.records.map(({ seconds: _, ...record }) => record);
  const state = structuredClone(await joinStates({ model, layer: layerState(layer) }));
  return { state, records, weightsOfStep, epochs };
}

/** Stops again and again, each time after the next of some numbers of steps, and goes on until the end. */
async function withStops({ config, dataset }: World, run: TrainingRun, stops: readonly number[]) {
  const folder = await mkdtemp(join(tmpdir(), "poeem-loop-"));
  try {
    const fingerprint = { config: {}, dataHash: "", backend: "", code: {} };
    const store = () => new CheckpointStore(join(folder, "checkpoints"), fingerprint, 3600);
    let stopped = 0;
    for (const steps of stops) {
      const checkpoints = store();
      const resume = await checkpoints.latest<LoopFacts>(() => undefined);
      await checkpoints.prepare();
      const interrupt = new AfterSomeSteps(steps);
      const ended = trainModel(config, dataset, { ...run, checkpoints, resume, interrupt });
      await expect(ended).rejects.toThrow(InterruptedError);
      interrupt.dispose();
      stopped++;
    }
    const checkpoints = store();
    const resume = await checkpoints.latest<LoopFacts>(() => undefined);
    await checkpoints.prepare();
    expect(stopped).toBe(stops.length);
    return await facts(await trainModel(config, dataset, { ...run, checkpoints, resume }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

const [asDevice, libtensorflow] = backendsHere();
afterEach(() => treatAsDevice(undefined));

describe.each([asDevice!, libtensorflow!])("a training on $name", ({ start, isDevice }) => {
  beforeEach(async (context) => {
    const reason = await start();
    if (reason) context.skip(reason);
    treatAsDevice(isDevice);
  });

  it.each([
    ["histories with an order", () => walkers(OVERRIDES)],
    ["texts beside histories", () => readers({ ...OVERRIDES, split: { by: "user", validation: 50 } }, { asks: true })],
  ] as const)("of %s ends in the same bytes and records however often it is stopped", async (_, worldOf) => {
    const world: World = worldOf();
    const validation = validationOf(world.dataset, world.config)!;
    const whole = await facts(await trainModel(world.config, world.dataset, { validation }));
    expect(whole.records.filter(({ validationRecall }) => validationRecall !== undefined).length).toBeGreaterThan(3);
    expect(await withStops(world, { validation }, [3, 21, 1, 14])).toEqual(whole);
  });
});

describe("a training that is asked to stop during a validation", () => {
  beforeEach(async () => {
    await asDevice!.start();
  });

  it.each([
    ["the host", false],
    ["a device", true],
  ])("stops right after it, the last one too, on %s", async (_, isDevice) => {
    treatAsDevice(isDevice);
    const { config, dataset } = walkers(OVERRIDES);
    const validation = validationOf(dataset, config)!;
    const steps = (await trainModel(config, dataset, { validation })).log.records
      .filter(({ validationRecall }) => validationRecall !== undefined)
      .map(({ step }) => step);
    for (const at of [2, steps.length]) {
      const interrupt = new DuringValidation(validation, at);
      const ended = trainModel(config, dataset, { validation: interrupt.validation, interrupt });
      await expect(ended).rejects.toThrow(`stopped at step ${steps[at - 1]} of `);
      interrupt.dispose();
    }
  });
});

describe("a training that diverges", () => {
  beforeEach(async () => {
    await asDevice!.start();
  });

  it.each([
    ["the host", false],
    ["a device", true],
  ])("says so soon, on %s", async (_, isDevice) => {
    treatAsDevice(isDevice);
    const rates = { learningRate: 1e30, towerLearningRate: 1e30, optimizer: "adam" } as const;
    const { config, dataset } = readers({ ...OVERRIDES, split: { by: "user" }, training: { ...TRAINING, ...rates } });
    await expect(trainModel(config, dataset)).rejects.toThrow(
      /^training diverged: .*NaN.* at step \d{1,2} of \d+; try a smaller training\.learningRate$/,
    );
  });
});
