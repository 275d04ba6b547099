import { type Artifact, type Index, openArtifact, scalarKernel } from "@poeem/pq-core";
import { openQueryTower, planQuestion } from "@poeem/towers";
import { beforeAll, describe, expect, it } from "vitest";
import { exportModel, TOWER_TOLERANCE } from "../src/artifact/export.ts";
import { useBackend } from "../src/backend/backend.ts";
import { listOf } from "../src/data/csr.ts";
import { filterColumns } from "../src/data/filter-columns.ts";
import { gather } from "../src/data/gather.ts";
import { queryEncoders } from "../src/evaluate/encoder.ts";
import { questionOf } from "../src/rank/query-encoder.ts";
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

function openFromChunks({ chunks, manifestBytes }: Artifact): Promise<Index> {
  const byKey = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  return openArtifact({ get: async (key) => byKey.get(key)! }, manifestBytes, { kernel: scalarKernel });
}

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
    const index = await openFromChunks(exported.artifact);
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
  });
});

it("a mixture without an order is trained on sources with coordinates left out", async () => {
  const lossOf = async (sourceDropout: number): Promise<number> => {
    const { config, dataset } = readers({ model, training: { ...training, epochs: 1, sourceDropout } });
    return (await trainModel(config, dataset)).epochs[0]!.loss;
  };
  const [none, half, again] = [await lossOf(0), await lossOf(0.5), await lossOf(0.5)];
  expect(half).toBe(again);
  expect(half).toBeGreaterThan(none);
});

describe("a mixture beside texts", () => {
  it("finds by a text and a history together what neither finds alone", async () => {
    const { config, raw, dataset } = readers(
      {
        model: { ...model, hiddenDim: 16, minFeatureCount: 1, history: { as: "mixture" } },
        split: { by: "hash", columns: ["user", "item"], testModulus: 5, validation: 0 },
        index: { nlist: 4, numSubQuantizers: 8, bufferSize: 512, words: false },
        training,
      },
      { asks: true },
    );
    const trained = await trainModel(config, dataset);
    const exported = await exportModel(trained, config, raw, dataset, filterColumns(raw, config), {});
    expect(exported.towerDifference).toBeLessThanOrEqual(TOWER_TOLERANCE);
    const index = await openFromChunks(exported.artifact);
    const tower = openQueryTower((await index.queryTower())!);
    expect(tower.reads).toMatchObject({ text: true, history: "mixture", combines: true });
    const items = await index.vectors(await index.ordinals([...dataset.ids]));
    const hits = { text: 0, history: 0, both: 0 };
    for (let query = 0; query < dataset.test.count; query++) {
      const { text, history } = questionOf(dataset.test, dataset, query);
      for (const [name, question] of Object.entries({
        text: { text },
        history: { history },
        both: { text, history },
      })) {
        const { read, embed } = planQuestion(tower, config.model.dim, question);
        const { vectors, merge } = embed(gather(items, read, config.model.dim))!;
        const exclude = history!.map((item) => dataset.ids.at(item)!);
        const { ordinals } = await index.search(vectors, { k: 2, nprobe: 4, exclude, merge });
        const found = new Set((await index.items(ordinals)).map(({ id }) => id));
        if (listOf(dataset.test.relevant, query).some((item) => found.has(dataset.ids.at(item)!)))
          hits[name as keyof typeof hits]++;
      }
    }
    // a shelf has a book of each of six kinds, of which a reader reads two
    expect(hits.text / dataset.test.count).toBeLessThan(0.5);
    expect(hits.both / dataset.test.count).toBeGreaterThan(0.8);
    expect(hits.both).toBeGreaterThan(2 * hits.history);
  });
});
