import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openArtifact, scalarKernel } from "@poeem/pq-core";
import { beforeAll, describe, expect, it } from "vitest";
import { exportModel, TOWER_TOLERANCE } from "../src/artifact/export.ts";
import { useBackend } from "../src/backend/backend.ts";
import { filterColumns } from "../src/data/filter-columns.ts";
import { queryEncoders } from "../src/evaluate/encoder.ts";
import { decodedVectors, rankWithIndex } from "../src/rank/index-rank.ts";
import { rankingMetrics } from "../src/rank/metrics.ts";
import { CheckpointStore } from "../src/train/checkpoint.ts";
import { Interrupt } from "../src/train/interrupt.ts";
import { type LoopFacts, trainModel } from "../src/train/loop.ts";
import { validationOf } from "../src/train/validation-recall.ts";
import { walkers } from "./histories.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const overrides = {
  model: { dim: 16 },
  index: { nlist: 4, numSubQuantizers: 16, bufferSize: 256 },
  training: { batchSize: 64, epochs: 6, learningRate: 0.01, scale: 12, negatives: 16 },
};

/** Asked after every step. */
class AfterSomeSteps extends Interrupt {
  #steps = 0;

  override get requested(): boolean {
    return ++this.#steps === 50;
  }
}

describe("a model of ordered histories", () => {
  it("finds what follows the newest item, as its validation says and as its index does", async () => {
    const { config, raw, dataset } = walkers({ ...overrides, split: { by: "last", validation: 50 } });
    expect(config.model.history.order).toBe(true);
    const validation = validationOf(dataset, config)!;
    expect(validation.k).toBe(10);
    const trained = await trainModel(config, dataset, { validation });
    const exported = await exportModel(trained, config, raw, dataset, filterColumns(raw, config), {});
    expect(exported.towerDifference).toBeLessThanOrEqual(TOWER_TOLERANCE);
    const { history, dim } = trained.model;
    const { recency, source } = await history!.componentsOf();
    expect(recency![0]).toBeGreaterThan(recency![1]! + 0.5);
    expect(source).toHaveLength(dim * dim);
    // four of five walk on; ten of the forty are .25 by chance
    const recall = await validation.recall(trained.model, trained.layer);
    expect(recall).toBeGreaterThan(0.6);
    const { manifestBytes, chunks } = exported.artifact;
    const byKey = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
    const index = await openArtifact({ get: async (key) => byKey.get(key)! }, manifestBytes, { kernel: scalarKernel });
    const ids = [...dataset.ids];
    const { encode } = await queryEncoders(index, dataset.validation, dataset, 1);
    const decoded = await decodedVectors(index, ids);
    const { histories: seen, relevant } = dataset.validation;
    const { ranked } = await rankWithIndex(index, encode, decoded, { ids, k: 10, nprobe: 4, seen });
    expect(rankingMetrics(ranked, relevant).recallAt10).toBeGreaterThan(recall - 0.05);
  });

  it("resumes to the same weights, bit for bit", async () => {
    const directory = await mkdtemp(join(tmpdir(), "poeem-ordered-"));
    try {
      const { config, dataset } = walkers({ ...overrides, training: { ...overrides.training, epochs: 3 } });
      const whole = await trainModel(config, dataset);
      const checkpoints = new CheckpointStore(directory, { config: {}, dataHash: "", backend: "", code: {} }, 60);
      await checkpoints.prepare();
      const interrupt = new AfterSomeSteps(() => "");
      await expect(trainModel(config, dataset, { checkpoints, interrupt })).rejects.toThrow("stopped at step 50 of");
      interrupt.dispose();
      const resume = await checkpoints.latest<LoopFacts>(() => undefined);
      const resumed = await trainModel(config, dataset, { checkpoints, resume });
      expect(await resumed.model.state()).toEqual(await whole.model.state());
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
