import { rm } from "node:fs/promises";
import { Random, treatAsDevice } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FittedConfig, PoeemConfigInput } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import type { Dataset } from "../src/data/types.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { joinStates, restoreParts, type State } from "../src/state.ts";
import { createLayer } from "../src/train/create-layer.ts";
import { createStep } from "../src/train/create-step.ts";
import { fitConfig } from "../src/train/fit-config.ts";
import { eventOrderOf } from "../src/train/history-batch.ts";
import type { StepResult } from "../src/train/joint-step.ts";
import { layerState } from "../src/train/layer-state.ts";
import { planTraining } from "../src/train/plan.ts";
import { backendsHere } from "./backends.ts";
import { readers, walkers } from "./histories.ts";
import { load } from "./make-data.ts";

interface World {
  readonly config: FittedConfig;
  readonly dataset: Dataset;
}

const TRAINING = { batchSize: 48, epochs: 20, negatives: 20, logQ: 1 } as const;

/** Items with everything that a tower can read, and queries with a text, a moment and a vector. */
async function shop(
  training: PoeemConfigInput["training"] = {},
  items: PoeemConfigInput["items"] = {},
  nlist = 4,
): Promise<World> {
  const random = new Random(3);
  const vector = (topic: number): number[] =>
    Array.from({ length: 10 }, (_, d) => Number(d === topic) + 0.3 * random.normal());
  const things = Array.from({ length: 120 }, (_, i) => ({
    id: `i${i}`,
    title: `thing ${i % 17} of ${i % 11}`,
    kind: `k${i % 5}`,
    price: i % 13,
    vec: vector(i % 7),
  }));
  const queries = Array.from({ length: 60 }, (_, i) => ({ query: `thing ${i % 17} please ${i}`, vec: vector(i % 7) }));
  const events = Array.from({ length: 400 }, (_, i) => {
    const query = random.integer(60);
    const disliked = training?.dislikes !== undefined && i % 3 === 0;
    return {
      query: queries[query]!.query,
      item: `i${(query + 17 * random.integer(7)) % 120}`,
      device: i % 2 === 0 ? "phone" : "desk",
      weight: disliked ? -1 : 1 + (i % 3),
    };
  });
  const {
    config: asked,
    raw,
    directory,
  } = await load(
    { items: things, queries, events },
    {
      items: {
        ...{ text: ["title"], categories: ["kind"], inputs: ["price"], embeddings: ["vec"], textFromEvents: true },
        ...items,
      },
      queries: { embeddings: ["vec"], encoder: "toy" },
      events: { context: ["device"], ...(training?.dislikes !== undefined && { weight: "weight" }) },
      split: { testModulus: 0, validation: 0 },
      model: { dim: 16, hiddenDim: 8, minFeatureCount: 1 },
      index: { nlist, numSubQuantizers: 8, bufferSize: 256, words: false },
      training: { ...TRAINING, ...training },
    },
  );
  await rm(directory, { recursive: true });
  const dataset = buildDataset(raw, asked);
  return { config: fitConfig(asked, dataset), dataset };
}

const histories = { ...TRAINING, optimizer: "adam", learningRate: 0.02, scale: 12 } as const;
const WORLDS: Readonly<Record<string, () => World | Promise<World>>> = {
  "texts, moments, embeddings and every kind of column": () => shop(),
  "Adam, new items, a learned scale": () =>
    shop({ optimizer: "adam", learningRate: 0.01, itemDropout: 0.2, learnScale: true }),
  "a single cell": () => shop({}, {}, 1),
  "the whole catalogue": () => shop({ objective: "full", negatives: 0 }),
  "what is disliked": () => shop({ dislikes: 0.5 }),
  "the hinge": () => shop({ objective: "hinge", learningRate: 0.03, negatives: 0, logQ: 0 }),
  "rows that items share": () => shop({}, { idRows: { hashed: 32 } }),
  "no rows of ids": () => shop({}, { idRows: "none" }),
  "a mixture of histories": () => readers({ training: { ...histories, sourceDropout: 0.1 } }),
  "the mean of a history, beside a moment": () => readers({ training: histories }, { devices: true }),
  "attention over a history, beside a moment": () =>
    readers({ training: histories, model: { dim: 16, history: { as: "attention" } } }, { devices: true }),
  "a mixture beside texts": () =>
    readers({ training: histories, model: { dim: 16, history: { as: "mixture" } } }, { asks: true }),
  "histories with an order": () => walkers({ training: { batchSize: 64, epochs: 6, negatives: 16, scale: 12 } }),
};

/** Those that between them run all operations of a step. */
const ON_SLOW: readonly string[] = [
  "Adam, new items, a learned scale",
  "what is disliked",
  "a mixture beside texts",
  "histories with an order",
];

/** A training whose steps are taken one by one. */
function start({ config, dataset }: World) {
  const plan = planTraining(config, dataset);
  const model = new TwoTower(config, dataset);
  const layer = createLayer(config, { ...plan, warmupSteps: 2 }, dataset);
  const step = createStep({ config, dataset, model, layer, random: new Random(config.training.seed + 1) });
  const orderOf = eventOrderOf(config, dataset);
  const eventsOf = (i: number): Uint32Array => {
    const at = (i % plan.stepsPerEpoch) * plan.batchSize;
    return orderOf(Math.floor(i / plan.stepsPerEpoch)).subarray(at, at + plan.batchSize);
  };
  let at = 0;
  let events = eventsOf(0);
  const take = async (steps: number): Promise<StepResult[]> => {
    const results: StepResult[] = [];
    for (let i = 0; i < steps; i++) {
      const next = eventsOf(++at);
      await step.take(events, 1, next);
      events = next;
      if (at % step.readEvery === 0) results.push(...(await step.results()));
    }
    return [...results, ...(await step.results())];
  };
  const parts = { model, layer: layerState(layer), step };
  return {
    take,
    layer,
    dispose: () => step.dispose(),
    state: async (): Promise<State> => {
      await step.pull();
      return structuredClone(await joinStates(parts));
    },
    /** @param step the number of steps that a state comes after */
    goTo: (state: State, step: number) => {
      restoreParts(parts, state);
      at = step;
      events = eventsOf(at);
    },
    get steps() {
      return at;
    },
  };
}

const lossesOf = (results: readonly StepResult[]): number[] => results.map(({ loss }) => loss);

/** Losses of the steps of a training until its quantizer starts. */
async function lossesBefore(training: ReturnType<typeof start>): Promise<number[]> {
  const losses: number[] = [];
  while (!training.layer.ready) losses.push(...lossesOf(await training.take(1)));
  return losses;
}

afterEach(() => treatAsDevice(undefined));

describe.each(backendsHere())("a training step on $name", ({ start: startBackend, isDevice, isSlow, steps }) => {
  beforeEach(async (context) => {
    const reason = await startBackend();
    if (reason) context.skip(reason);
  });

  it("adds up products of long rows in the same order every time", async () => {
    const random = new Random(4);
    const rows = 4096;
    const values = (width: number) => Float32Array.from({ length: rows * width }, () => random.normal());
    const [a, b] = [tf.tensor2d(values(64), [rows, 64]), tf.tensor2d(values(128), [rows, 128])];
    const product = async () => {
      const all = tf.matMul(a, b, true);
      const read = Float32Array.from(await all.data());
      all.dispose();
      return read;
    };
    const first = await product();
    for (let i = 0; i < 5; i++) expect(await product()).toEqual(first);
    tf.dispose([a, b]);
  });

  describe.each(Object.entries(WORLDS).filter(([name]) => !isSlow || ON_SLOW.includes(name)))("%s", (_, worldOf) => {
    it("has the losses of a step on the host, before the quantizer starts and from one codebook on", async () => {
      const world = await worldOf();
      treatAsDevice(isDevice);
      const device = start(world);
      const before = await lossesBefore(device);
      device.dispose();

      await backendsHere()[0]!.start();
      treatAsDevice(false);
      const host = start(world);
      const expectedBefore = await lossesBefore(host);
      await host.take(2);
      const state = await host.state();
      const expected = lossesOf(await host.take(steps));
      host.dispose();

      await startBackend();
      treatAsDevice(isDevice);
      const resumed = start(world);
      resumed.goTo(state, expectedBefore.length + 2);
      const losses = lossesOf(await resumed.take(steps));
      resumed.dispose();

      const apart = (own: readonly number[], others: readonly number[]): number[] => {
        expect(own.length).toBe(others.length);
        return own.map((loss, i) => Math.abs(loss / others[i]! - 1));
      };
      for (const [i, value] of apart(before, expectedBefore).entries()) expect(value, `step ${i}`).toBeLessThan(1e-5);
      const joint = apart(losses, expected);
      expect(joint[0], "the first step from the state").toBeLessThan(1e-5);
      // by then rounding may have turned the code of some item
      for (const [i, value] of joint.entries()) expect(value, `step ${i} from the state`).toBeLessThan(1e-2);
    });

    it("goes on from a state as if it had never stopped, leaves no tensor behind, and repeats its bytes", async () => {
      treatAsDevice(isDevice);
      const world = await worldOf();
      const training = start(world);
      while (!training.layer.ready) await training.take(1);
      await training.take(2);
      const tensors = tf.memory().numTensors;
      await training.take(3);
      expect(tf.memory().numTensors).toBe(tensors);
      const state = await training.state();
      const { steps: before } = training;
      const results = await training.take(5);
      const after = await training.state();
      training.goTo(state, before);
      expect(await training.take(5)).toEqual(results);
      expect(await training.state()).toEqual(after);
      training.dispose();
    });
  });
});
