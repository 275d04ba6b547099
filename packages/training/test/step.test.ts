import { IndexingLayer, Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import type { RawData } from "../src/data/types.ts";
import { BatchBuilder } from "../src/model/batch.ts";
import type { EmbeddingTable } from "../src/model/embedding-table.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { joinStates, restoreParts } from "../src/state.ts";
import { fitConfig } from "../src/train/fit-config.ts";
import { layerState } from "../src/train/layer-state.ts";
import { TrainingStep } from "../src/train/step.ts";
import { itemTable } from "./item-table.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const configOf = (training: PoeemConfigInput["training"]) =>
  resolveConfig(
    {
      name: "t",
      data: { items: "-", events: "-" },
      items: { text: ["title"], textFromEvents: true, categories: ["kind"] },
      split: { testModulus: 0, validation: 0 },
      ...(training?.dislikes !== undefined && { events: { weight: "weight" } }),
      model: { dim: 16, hiddenDim: 8, minFeatureCount: 1 },
      index: { nlist: 4, numSubQuantizers: 8, bufferSize: 64 },
      training: { batchSize: 32, ...training },
    },
    "test",
  );

function setUp(training: PoeemConfigInput["training"] = {}) {
  const asked = configOf(training);
  const names = Array.from({ length: 40 }, (_, i) => `thing${i} of kind ${i % 5}`);
  const numbers = Array.from({ length: 80 }, (_, i) => i);
  const right = names.flatMap((_, i) => [i, i]);
  // half of the queries dislike the next item of the kind
  const halves = training.dislikes === undefined ? [] : numbers.filter((i) => i % 2 === 0);
  const raw: RawData = {
    ids: names.map((_, i) => `item-${i}`),
    items: itemTable(names.length, { title: names, kind: names.map((_, i) => `k${i % 5}`) }),
    events: {
      count: 80 + halves.length,
      query: {
        values: names.flatMap((name) => [name, `${name} please`]),
        numbers: Uint32Array.from([...numbers, ...halves]),
      },
      user: undefined,
      item: Uint32Array.from([...right, ...halves.map((i) => (right[i]! + 5) % 40)]),
      ...(halves.length > 0 && {
        weight: Float64Array.from([...numbers.map((i) => 1 + (i % 3)), ...halves.map(() => -2)]),
      }),
      ordered: false,
      time: undefined,
      part: undefined,
      contexts: [],
      columns: new Map(),
    },
    report: { items: names.length, events: 80, unknownItems: { count: 0, examples: [] } },
    hash: "",
  };
  const dataset = buildDataset(raw, asked);
  const config = fitConfig(asked, dataset);
  const model = new TwoTower(config, dataset);
  const layer = new IndexingLayer({
    dim: 16,
    nlist: 4,
    numSubQuantizers: 8,
    nbits: 4,
    warmupSteps: 3,
    bufferSize: 64,
    seed: 1,
  });
  const random = new Random(2);
  const step = new TrainingStep({ config, dataset, model, layer, batches: new BatchBuilder(dataset, 32), random });
  const run = () => step.run(Uint32Array.from(random.permutation(80).slice(0, 32)), 1);
  return { model, layer, step, run };
}

describe("TrainingStep", () => {
  it("keeps the number of tensors flat, before and after the quantizer starts", async () => {
    const { layer, run } = setUp();
    await run();
    const warm = tf.memory().numTensors;
    await run();
    expect(tf.memory().numTensors).toBe(warm);
    while (!layer.ready) await run();
    await run();
    const joint = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) await run();
    expect(tf.memory().numTensors).toBe(joint);
  });

  it("moves tables, towers and centroids, and the loss falls", async () => {
    const { model, layer, run } = setUp();
    const { text, id, category } = model.itemInputs.learned as Record<string, EmbeddingTable>;
    const tables = [text!, id!, category!];
    const first = await run();
    expect(first.distortion).toBe(0);
    while (!layer.ready) await run();
    const before = {
      tables: tables.map(({ rows }) => rows.slice()),
      towers: await Promise.all(model.variables.map((variable) => variable.data())),
      codebook: await layer.codebook(),
    };
    let last = await run();
    for (let i = 0; i < 40; i++) last = await run();
    expect(last.distortion).toBeGreaterThan(0);
    expect(last.loss).toBeLessThan(first.loss / 2);
    for (const [i, table] of tables.entries()) expect(table.rows).not.toEqual(before.tables[i]);
    for (const [i, variable] of model.variables.entries()) expect(await variable.data()).not.toEqual(before.towers[i]);
    const after = await layer.codebook();
    expect(after.centroids).not.toEqual(before.codebook.centroids);
    expect(after.coarseCentroids).not.toEqual(before.codebook.coarseCentroids);
  });
});

describe("TrainingStep with every objective", () => {
  const objectives = {
    "uniform negatives beside the batch": { negatives: 7, logQ: 1 },
    "a learned scale": { learnScale: true, scale: 10 },
    "the softmax over the whole catalogue": { objective: "full" },
    "what is disliked beside the batch": { dislikes: 0.5, negatives: 7, logQ: 1 },
    "what is disliked in the whole catalogue": { dislikes: 0.5, objective: "full" },
    "the hinge": { objective: "hinge", learningRate: 0.03 },
    Adam: { optimizer: "adam", learningRate: 0.01, towerLearningRate: 0.005 },
  } as const satisfies Record<string, PoeemConfigInput["training"]>;
  for (const [name, training] of Object.entries(objectives)) {
    it(`${name}: the loss falls, no tensor is left behind, and a step from a state repeats bit for bit`, async () => {
      const { model, layer, step, run } = setUp(training);
      const first = await run();
      while (!layer.ready) await run();
      await run();
      const tensors = tf.memory().numTensors;
      let last = await run();
      for (let i = 0; i < 40; i++) last = await run();
      expect(tf.memory().numTensors).toBe(tensors);
      expect(last.loss).toBeLessThan(first.loss / 2);
      const events = Uint32Array.from({ length: 32 }, (_, i) => 2 * i);
      const parts = { model, step, layer: layerState(layer) };
      const state = structuredClone(await joinStates(parts));
      const once = await step.run(events, 1);
      const after = await joinStates(parts).then((joined) => structuredClone(joined));
      restoreParts(parts, state);
      expect(await step.run(events, 1)).toEqual(once);
      expect(await joinStates(parts)).toEqual(after);
      expect(tf.memory().numTensors).toBe(tensors);
    });
  }

  it("learns the scale, within its bounds", async () => {
    const { step, run } = setUp({ learnScale: true, scale: 10, towerLearningRate: 0.5 });
    for (let i = 0; i < 30; i++) await run();
    const { "scale/0": logScale } = (await step.state()) as Record<string, Float32Array>;
    expect(logScale![0]).not.toBeCloseTo(Math.log(10), 2);
    expect(logScale![0]).toBeGreaterThanOrEqual(0);
    expect(logScale![0]).toBeLessThanOrEqual(Math.fround(Math.log(100)));
  });
});
