import { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import type { FittedConfig, PoeemConfigInput } from "../src/config.ts";
import type { Dataset } from "../src/data/types.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { createLayer } from "../src/train/create-layer.ts";
import { createStep } from "../src/train/create-step.ts";
import { fitConfig } from "../src/train/fit-config.ts";
import { eventOrderOf } from "../src/train/history-batch.ts";
import { planSteps, planTraining } from "../src/train/plan.ts";
import { readers } from "./histories.ts";
import { things } from "./texts.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const model = { dim: 4, hiddenDim: 0 } as const;

/** Runs all steps, whatever the plan says. @returns the step that started the quantizer; undefined if none did */
async function firstJointStep(config: FittedConfig, dataset: Dataset): Promise<number | undefined> {
  const plan = planSteps(config, dataset, config.training);
  const { batchSize, stepsPerEpoch, totalSteps } = plan;
  const parts = {
    ...{ config, dataset, model: new TwoTower(config, dataset), random: new Random(1) },
    layer: createLayer(config, plan, dataset),
  };
  const step = createStep(parts);
  const orderOf = eventOrderOf(config, dataset);
  for (let i = 0; i < totalSteps && !parts.layer.ready; i++) {
    const at = (i % stepsPerEpoch) * batchSize;
    await step.run(orderOf(Math.floor(i / stepsPerEpoch)).subarray(at, at + batchSize), 1);
    if (parts.layer.ready) return i + 1;
  }
  return undefined;
}

const isPlanned = (config: FittedConfig, dataset: Dataset): boolean => {
  try {
    planTraining(config, dataset);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return false;
  }
};

const pick = <T>(random: Random, values: readonly T[]): T => values[random.integer(values.length)]!;

describe("the plan of a training", () => {
  it.each(Array.from({ length: 24 }, (_, seed) => seed))(
    "says of texts whether the quantizer starts, neither more nor less (%i)",
    async (seed) => {
      const random = new Random(seed);
      const { config: asked, dataset } = things(1 + random.integer(30), 8 + random.integer(60), {
        model,
        index: {
          ...{ nlist: random.integer(2), numSubQuantizers: 2, warmup: pick(random, [0, 0.3, 0.9]) },
          bufferSize: 16 + random.integer(150),
        },
        training: {
          batchSize: 1 + random.integer(8),
          epochs: 1 + random.integer(3),
          negatives: pick(random, [0, 3]),
          objective: pick(random, ["softmax", "full"] as const),
        },
      });
      const config = fitConfig(asked, dataset);
      expect((await firstJointStep(config, dataset)) !== undefined).toBe(isPlanned(config, dataset));
    },
  );

  it.each(Array.from({ length: 16 }, (_, seed) => seed))("never promises too much of histories (%i)", async (seed) => {
    const random = new Random(seed);
    const devices = seed % 4 === 3;
    const timed = seed % 2 === 1;
    const isOrdered = timed && !devices;
    const targets = 1 + random.integer(4);
    const { config, dataset } = readers(
      {
        model: { ...model, history: { as: devices ? "mean" : "mixture", ...(isOrdered ? {} : { targets }) } },
        index: {
          ...{ nlist: 1, numSubQuantizers: 2, warmup: pick(random, [0, 0.3, 0.9]) },
          bufferSize: 16 + random.integer(400),
        },
        training: { batchSize: 1 + random.integer(12), epochs: 1 + random.integer(2) },
      },
      {
        ...{ numItems: 12, numKinds: 3, numUsers: 4 + random.integer(12), perUser: 2 + random.integer(3) },
        ...{ timed, devices },
      },
    );
    if (isPlanned(config, dataset)) expect(await firstJointStep(config, dataset)).toBeDefined();
    else expect(config.index.bufferSize).toBeGreaterThan(2);
  });

  it("names a value that would do", () => {
    const refusal = (training: PoeemConfigInput["training"], index: PoeemConfigInput["index"]): string => {
      const { config, dataset } = things(20, 40, {
        ...{ model, index: { numSubQuantizers: 2, ...index } },
        training: { ownSentences: false, ...training },
      });
      try {
        planTraining(fitConfig(config, dataset), dataset);
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    };
    // 8 steps, 3 of them warm-up
    const few = { batchSize: 10, epochs: 2 };
    expect(refusal(few, { bufferSize: 8192 })).toBe(
      "too few training events to start the quantizer: index.bufferSize expected 8,192 item vectors after the " +
        "warm-up (index.warmup 0.4), got 50 from 5 steps of training.batchSize 10; index.bufferSize 50 would do",
    );
    expect(refusal(few, { bufferSize: 50 })).toBe("");
    const fewer = { batchSize: 10, epochs: 1 };
    expect(refusal(fewer, { bufferSize: 300, nbits: 8 })).toMatch(/got 30 from 3 steps .*; training.epochs 16 would/);
    expect(refusal({ ...fewer, epochs: 16 }, { bufferSize: 300, nbits: 8 })).toBe("");
    expect(refusal({ batchSize: 41 }, {})).toBe(
      "training.batchSize: expected at most the number of training events (40), got 41",
    );
  });
});
