import { openArtifact, scalarKernel } from "@poeem/pq-core";
import { beforeAll, describe, expect, it } from "vitest";
import { exportModel, TOWER_TOLERANCE } from "../src/artifact/export.ts";
import { useBackend } from "../src/backend/backend.ts";
import { listOf } from "../src/data/csr.ts";
import { filterColumns } from "../src/data/filter-columns.ts";
import { queryEncoders } from "../src/evaluate/encoder.ts";
import { trainModel } from "../src/train/loop.ts";
import { readers } from "./histories.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const model = { dim: 16, hiddenDim: 0, itemNorm: "free" } as const;
const training = {
  batchSize: 64,
  epochs: 6,
  optimizer: "adam",
  learningRate: 0.02,
  towerLearningRate: 0.005,
  scale: 12,
  negatives: 16,
  logQ: 1,
} as const;

describe.each([
  ["mixture", "histories alone"],
  ["mixture", "histories and contexts"],
  ["mean", "histories and contexts"],
  ["attention", "histories and contexts"],
] as const)("a model that reads as %s: %s", (form, reads) => {
  const devices = reads === "histories and contexts";
  it("recommends from both kinds that a reader likes, through the index it is exported to", async () => {
    const { config, raw, dataset } = readers(
      {
        model: { ...model, hiddenDim: devices ? 32 : 0, history: { as: form } },
        training,
      },
      { devices },
    );
    const trained = await trainModel(config, dataset);
    const exported = await exportModel(trained, config, raw, dataset, filterColumns(raw, config), {});
    expect(exported.towerDifference).toBeLessThanOrEqual(TOWER_TOLERANCE);
    const { artifact } = exported;
    const chunks = new Map(artifact.chunks.map(({ key, bytes }) => [key, bytes]));
    const index = await openArtifact({ get: async (key) => chunks.get(key)! }, artifact.manifestBytes, {
      kernel: scalarKernel,
    });
    const { encode } = await queryEncoders(index, dataset.test, dataset, 1);
    const ordinals = await index.ordinals([...dataset.ids]);
    const decoded = await index.vectors(ordinals);
    let hits = 0;
    let wanted = 0;
    for (let query = 0; query < dataset.test.count; query++) {
      const { vectors, merge } = encode(query, decoded)!;
      expect(merge?.by).toBe(form === "mixture" ? "sumExp" : undefined);
      expect(vectors.length).toBe(form === "mixture" ? listOf(dataset.test.histories, query).length : 1);
      const history = Array.from(listOf(dataset.test.histories, query), (item) => dataset.ids.at(item)!);
      const exact = merge?.by === "sumExp" ? { ...merge, exact: true } : undefined;
      const { ordinals: found } = await index.search(vectors, { k: 12, nprobe: 4, exclude: history, merge: exact });
      const ids = new Set((await index.items(found)).map(({ id }) => id));
      for (const item of listOf(dataset.test.relevant, query)) {
        wanted++;
        if (ids.has(dataset.ids.at(item)!)) hits++;
      }
    }
    // 12 of about 52 are .23 by chance; the two kinds have 20 books, 8 of which the reader has read: about .9 is
    // possible
    expect(hits / wanted).toBeGreaterThan(0.6);
  }, 120_000);
});
