import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { openArtifact, scalarKernel } from "@poeem/pq-core";
import { beforeAll, describe, expect, it } from "vitest";
import { exportModel, TOWER_TOLERANCE } from "../src/artifact/export.ts";
import { useBackend } from "../src/backend/backend.ts";
import type { PoeemConfigInput } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { filterColumns } from "../src/data/filter-columns.ts";
import { queryEncoders } from "../src/evaluate/encoder.ts";
import { decodedVectors, rankWithIndex } from "../src/rank/index-rank.ts";
import { rankingMetrics } from "../src/rank/metrics.ts";
import { CheckpointStore } from "../src/train/checkpoint.ts";
import { fitConfig } from "../src/train/fit-config.ts";
import { Interrupt } from "../src/train/interrupt.ts";
import { type LoopFacts, trainModel } from "../src/train/loop.ts";
import { load } from "./make-data.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

/** Asked after every step. */
class AfterSomeSteps extends Interrupt {
  #steps = 0;

  override get requested(): boolean {
    return ++this.#steps === 10;
  }
}

const [TOPICS, LENGTH] = [6, 24];

/**
 * What things are about, as vectors see it: through a matrix, with a mean of all, and among as many directions again
 * that say nothing. Queries of which half have words that say nothing either.
 */
function shop() {
  const random = new Random(5);
  const normals = (n: number): number[] => Array.from({ length: n }, () => random.normal());
  const about = Array.from({ length: TOPICS }, () => normals(LENGTH));
  const style = Array.from({ length: TOPICS }, () => normals(LENGTH));
  const mean = normals(LENGTH);
  const vectorOf = (topics: readonly number[]): number[] => {
    const other = normals(TOPICS);
    return mean.map((value, d) =>
      topics.reduce((sum, topic, t) => sum + topic * about[t]![d]! + other[t]! * style[t]![d]!, value),
    );
  };
  const topics = Array.from({ length: 200 }, () => normals(TOPICS));
  const items = topics.map((topic, i) => ({ id: `i${i}`, vec: vectorOf(topic) }));
  const asked = Array.from({ length: 150 }, () => normals(TOPICS));
  const queries = asked.map((topic, i) => ({ query: `some words${i}`, vec: vectorOf(topic) }));
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, t) => sum + x * b[t]!, 0);
  const events = asked.flatMap((topic, i) =>
    topics
      .map((other, item) => ({ item: `i${item}`, score: dot(topic, other) / Math.hypot(...other) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 5)
      .map(({ item }) => ({ query: `some words${i}`, item })),
  );
  return { items, queries, events };
}

const SETTINGS: Partial<PoeemConfigInput> = {
  split: { testModulus: 3, validation: 0 },
  model: { dim: 16, minFeatureCount: 1 },
  index: { nlist: 0, numSubQuantizers: 16, bufferSize: 512, words: false },
  training: { ownSentences: false, batchSize: 64 },
};

async function fitted(own: Partial<PoeemConfigInput>, epochs: number) {
  const { queries, ...rows } = shop();
  const {
    config: asked,
    raw,
    directory,
  } = await load(own.queries ? { ...rows, queries } : rows, {
    ...SETTINGS,
    training: { ...SETTINGS.training, epochs },
    ...own,
  });
  const dataset = buildDataset(raw, asked);
  return { config: fitConfig(asked, dataset), raw, dataset, directory };
}

type World = Awaited<ReturnType<typeof fitted>>;

/** Recall@10 of the held-out queries, through the index. */
async function recallOf({ config, raw, dataset }: World): Promise<number> {
  const trained = await trainModel(config, dataset);
  const said: string[] = [];
  const say = (line: string) => said.push(line);
  const exported = await exportModel(trained, config, raw, dataset, filterColumns(raw, config), {}, undefined, say);
  expect(said.some((line) => line.startsWith("codes learned of"))).toBe(config.queries.embeddings.length > 0);
  expect(exported.towerDifference).toBeLessThanOrEqual(TOWER_TOLERANCE);
  const { manifestBytes, chunks } = exported.artifact;
  const byKey = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  const index = await openArtifact({ get: async (key) => byKey.get(key)! }, manifestBytes, { kernel: scalarKernel });
  const ids = [...dataset.ids];
  const { encode } = await queryEncoders(index, dataset.test, dataset, 1);
  const decoded = await decodedVectors(index, ids);
  const { histories: seen, relevant } = dataset.test;
  const { ranked } = await rankWithIndex(index, encode, decoded, { ids, k: 10, nprobe: 1, seen });
  return rankingMetrics(ranked, relevant).recallAt10;
}

const VECTORS = { items: { embeddings: ["vec"] }, queries: { embeddings: ["vec"], encoder: "toy" } };

describe("training with embeddings and clicks", () => {
  it("finds more than either alone", async () => {
    const clicks = await recallOf(await fitted({}, 10));
    // a step that is as good as none
    const still = { ...SETTINGS.training, epochs: 2, learningRate: 1e-6, towerLearningRate: 1e-6 };
    const vectors = await recallOf(await fitted({ ...VECTORS, training: still }, 2));
    const both = await recallOf(await fitted(VECTORS, 10));
    expect(clicks).toBeLessThan(0.2);
    expect(vectors).toBeGreaterThan(clicks + 0.1);
    expect(both).toBeGreaterThan(vectors + 0.05);
  });

  it("resumes to the same weights, bit for bit", async () => {
    const { config, dataset, directory } = await fitted(VECTORS, 2);
    const whole = await trainModel(config, dataset);
    const checkpoints = new CheckpointStore(
      join(directory, "checkpoints"),
      { config: {}, dataHash: "", backend: "", code: {} },
      60,
    );
    await checkpoints.prepare();
    const interrupt = new AfterSomeSteps(() => "");
    await expect(trainModel(config, dataset, { checkpoints, interrupt })).rejects.toThrow("stopped at step 10 of");
    interrupt.dispose();
    const resume = await checkpoints.latest<LoopFacts>(() => undefined);
    const resumed = await trainModel(config, dataset, { checkpoints, resume });
    expect(await resumed.model.state()).toEqual(await whole.model.state());
  });
});
