import { openArtifact, scalarKernel } from "@poeem/pq-core";
import { createItemTower, hashedRow, idKey } from "@poeem/towers";
import { beforeAll, describe, expect, it } from "vitest";
import { exportModel, TOWER_TOLERANCE } from "../src/artifact/export.ts";
import { encodeBy } from "../src/artifact/finished-codes.ts";
import { itemTowerBytes, openItemTowerFile } from "../src/artifact/item-tower-file.ts";
import { useBackend } from "../src/backend/backend.ts";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { filterColumns } from "../src/data/filter-columns.ts";
import { itemEmbedder } from "../src/encode/embed-items.ts";
import type { EmbeddingTable } from "../src/model/embedding-table.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { trainModel } from "../src/train/loop.ts";
import { readers, walkers } from "./histories.ts";
import { load } from "./make-data.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const DIM = 8;
const NOUNS = ["lamp", "boot", "kite", "cup"];
const items = Array.from({ length: 24 }, (_, i) => ({
  id: `i${i}`,
  title: `${NOUNS[i % 4]} ${i % 3}`,
  kind: `k${i % 5}`,
  price: i,
}));
// every third item was asked for, and so has training queries
const events = items.flatMap(({ id }, i) => (i % 3 === 0 ? [{ query: `a ${NOUNS[i % 4]} please`, item: id }] : []));

async function towerOf(own: PoeemConfigInput["items"]) {
  const { config, raw } = await load(
    { items, events },
    {
      items: own,
      split: { testModulus: 0, validation: 0 },
      model: { dim: DIM, hiddenDim: 8, minFeatureCount: 1, itemFeatures: 10_000 },
      index: { numSubQuantizers: 4 },
      training: { ownSentences: false },
    },
  );
  const dataset = buildDataset(raw, config);
  const model = new TwoTower(config, dataset);
  model.settle();
  const weights = await model.itemTower();
  return { config, raw, dataset, model, weights, ids: [...raw.ids] };
}

const CONTENT = { text: ["title"], categories: ["kind"], inputs: ["price"] };
const HASHED = { hashed: 5 };

function expectClose(vectors: Float32Array, expected: Float32Array): void {
  expect(vectors.length).toBe(expected.length);
  for (const [d, value] of vectors.entries()) expect(Math.abs(value - expected[d]!)).toBeLessThan(1e-5);
}

describe("an item tower", () => {
  it.each<[string, PoeemConfigInput["items"]]>([
    ["no rows", { ...CONTENT, idRows: "none" }],
    ["no rows, and training queries", { ...CONTENT, idRows: "none", textFromEvents: true }],
    ["no rows, training queries and categories", { categories: ["kind"], idRows: "none", textFromEvents: true }],
    ["shared rows", { ...CONTENT, idRows: HASHED }],
    ["shared rows, and training queries", { ...CONTENT, idRows: HASHED, textFromEvents: true }],
    ["shared rows alone", { idRows: HASHED }],
    ["rows of their own, said so", { ...CONTENT, idRows: "all", textFromEvents: true }],
  ])("gives trained items the trainer's vectors from its file: %s", async (_, own) => {
    const { config, raw, model, weights, ids } = await towerOf(own);
    const read = openItemTowerFile("file", itemTowerBytes({ weights })).weights;
    expect(read.inputs).toEqual(weights.inputs);
    const { vectors, nothingKnown } = itemEmbedder(read, config)(ids, raw.items);
    expect(nothingKnown).toEqual([]);
    expectClose(vectors, await model.itemVectors());
  });

  it("remembers of items no more than the queries that led to them, where they have no rows of their own", async () => {
    const asked = items.filter((_, i) => i % 3 === 0).map(({ id }) => id);
    for (const idRows of ["none", HASHED] as const) {
      const names = async (own: object): Promise<unknown> => {
        const { inputs } = (await towerOf({ ...CONTENT, ...own, idRows })).weights;
        const known = inputs.find(({ kind }) => kind === "known");
        return known?.kind === "known" ? [...known.names].sort() : undefined;
      };
      expect(await names({})).toBeUndefined();
      expect(await names({ textFromEvents: true })).toEqual(asked.sort());
    }
  });

  it("takes an item for a new one that no query led to, where there are no rows", async () => {
    const { config, raw, weights, ids } = await towerOf({ ...CONTENT, idRows: "none", textFromEvents: true });
    const own = itemEmbedder(weights, config)(ids, raw.items).vectors;
    const others = itemEmbedder(weights, config)(
      ids.map((id) => `new ${id}`),
      raw.items,
    ).vectors;
    for (const [item, id] of ids.entries()) {
      const [one, other] = [own, others].map((vectors) => vectors.subarray(item * DIM, (item + 1) * DIM));
      if (Number(id.slice(1)) % 3 === 0) expect(one).not.toEqual(other);
      else expect(one).toEqual(other);
    }
  });

  it("gives a new item no shared rows", async () => {
    const { config, raw, model, weights, ids } = await towerOf({ ...CONTENT, idRows: HASHED });
    const names = ids.map((id) => `new ${id}`);
    const { vectors } = itemEmbedder(weights, config)(names, raw.items);
    (model.itemInputs.learned["id"] as EmbeddingTable).rows.fill(0);
    expectClose(vectors, await model.itemVectors());
    const tower = createItemTower(weights);
    expect(ids.every((id) => tower.isTrained(id))).toBe(true);
    expect(names.some((id) => tower.isTrained(id))).toBe(false);
  });
});

describe("a step", () => {
  it("teaches the two rows of each item, and none of those that it reads as new", async () => {
    const { model, ids } = await towerOf({ ...CONTENT, idRows: { hashed: 50 } });
    const { rows } = model.itemInputs.learned["id"] as EmbeddingTable;
    expect(rows).toHaveLength(50 * DIM);
    const before = rows.slice();
    const batch = [3, 7, 11];
    const sums = new Float32Array(batch.length * DIM);
    const back = model.itemInputs.add(batch, sums, { random: undefined as never, asNew: Uint8Array.of(0, 1, 0) });
    back(new Float32Array(sums.length).fill(1));
    model.stepTables(0.1);
    const taught = new Set([3, 11].flatMap((item) => idKey(ids[item]!).map((hash) => hashedRow(hash, 50))));
    for (let row = 0; row < 50; row++) {
      const same = rows.subarray(row * DIM, (row + 1) * DIM).every((value, d) => value === before[row * DIM + d]);
      expect(same).toBe(!taught.has(row));
    }
  });
});

describe("a training of histories", () => {
  const kinds = { categories: ["title"], itemNorm: "free" } as const;
  it.each([
    ["as a mixture, without rows", readers, "none"],
    ["as a mixture, with shared rows", readers, { hashed: 30 }],
    ["with an order, without rows", walkers, "none"],
    ["with an order, with shared rows", walkers, { hashed: 20 }],
  ] as const)("ends in an index whose items `poeem encode` gives the same codes: %s", async (_, world, idRows) => {
    const { config, raw, dataset } = world({ items: { categories: [...kinds.categories], idRows } });
    expect(config.training.start).toBe("random");
    const trained = await trainModel(config, dataset);
    const exported = await exportModel(trained, config, raw, dataset, filterColumns(raw, config), {});
    expect(exported.towerDifference).toBeLessThanOrEqual(TOWER_TOLERANCE);
    const { weights, ...codesBy } = openItemTowerFile("file", itemTowerBytes(exported.itemTower));
    const ids = [...raw.ids];
    const { vectors } = itemEmbedder(weights, config)(ids, raw.items);
    expectClose(vectors, exported.itemVectors);
    const { manifestBytes, chunks } = exported.artifact;
    const byKey = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
    const index = await openArtifact({ get: async (key) => byKey.get(key)! }, manifestBytes, { kernel: scalarKernel });
    const { codes, assignments } = await encodeBy({ ...codesBy, codebook: index.codebook }, vectors);
    const held = await index.codes(await index.ordinals(ids));
    expect(held.assignments).toEqual(assignments);
    expect(held.codes).toEqual(codes);
  });
});

describe("items.idRows", () => {
  const resolve = (changed: PoeemConfigInput["items"], others: object = {}) =>
    resolveConfig({ name: "t", data: { items: "-", events: "-" }, items: changed, ...others }, "c.ts");
  const reading = (user = true) => ({ events: user ? { user: "u", item: "i" } : {} });

  it("leaves a configuration as it was where nothing is said", () => {
    expect(resolve({ text: ["t"] }).items).not.toHaveProperty("idRows");
    expect(resolve({}, reading()).training.start).toBe("spectral");
    expect(resolve({ idRows: "all" }, reading()).training.start).toBe("spectral");
  });

  it("starts at random where histories have no rows to place", () => {
    expect(resolve({ idRows: HASHED }, reading()).training.start).toBe("random");
    expect(resolve({ idRows: "none", categories: ["k"] }, reading()).training.start).toBe("random");
  });

  it.each<[PoeemConfigInput["items"], object, string]>([
    [
      { idRows: "none" },
      {},
      'items.idRows "none" expected items.text, items.categories, items.inputs or items.embeddings to name a ' +
        "column, got none: without them nothing is known of an item",
    ],
    [
      { idRows: "none", textFromEvents: true },
      {},
      'items.idRows "none" expected items.text, items.categories, items.inputs or items.embeddings to name a ' +
        "column, got none: without them nothing is known of an item",
    ],
    [
      { idRows: HASHED },
      { ...reading(), training: { start: "spectral" } },
      'training.start "spectral" expected items.idRows "all", whose rows it is for, got { hashed: 5 }',
    ],
    [{ idRows: { hashed: 0 } }, {}, "items.idRows.hashed: expected an integer from 1 to 67108864, got 0"],
    [
      { idRows: { hash: 5 } as never },
      {},
      'items.idRows: expected "all", "none" or { hashed: n }, with n from 1 to 67,108,864, got {"hash":5}',
    ],
    [
      { idRows: "some" as "all" },
      {},
      'items.idRows: expected "all", "none" or { hashed: n }, with n from 1 to 67,108,864, got "some"',
    ],
  ])("refuses %j %j", (own, others, message) => {
    expect(() => resolve(own, others)).toThrow(`c.ts: ${message}`);
  });

  it("is refused for vectors alone", () => {
    const input = { name: "t", data: { items: "-" }, items: { embeddings: ["v"], idRows: "none" } };
    expect(() => resolveConfig(input, "c.ts")).toThrow(
      "c.ts: items.idRows expected data.events or items.text, got vectors alone",
    );
  });
});
