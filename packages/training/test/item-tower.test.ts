import { beforeAll, describe, expect, it } from "vitest";
import { itemTowerBytes, openItemTowerFile } from "../src/artifact/item-tower-file.ts";
import { useBackend } from "../src/backend/backend.ts";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import type { RawData } from "../src/data/types.ts";
import { itemEmbedder } from "../src/encode/embed-items.ts";
import type { EmbeddingTable } from "../src/model/embedding-table.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { itemTable } from "./item-table.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const count = 30;
const titles = Array.from({ length: count }, (_, i) => (i % 6 === 0 ? `thing ${i}` : `thing${i} of kind ${i % 5}`));
const items = itemTable(
  count,
  {
    title: titles,
    kind: titles.map((_, i) => (i % 4 === 0 ? null : i % 4 === 1 ? [`k${i % 5}`, "both"] : `k${i % 5}`)),
  },
  { price: titles.map((_, i) => (i % 7 === 0 ? null : i * i)), year: titles.map((_, i) => 1990 + i) },
);
const ids = titles.map((_, i) => `item-${i}`);
const raw: RawData = {
  ids,
  items,
  events: {
    count: 2 * count,
    query: {
      values: titles.flatMap((title) => [title, `${title} please`]),
      numbers: Uint32Array.from({ length: 2 * count }, (_, i) => i),
    },
    user: undefined,
    item: Uint32Array.from(titles.flatMap((_, i) => [i, (i * 7) % count])),
    ordered: false,
    time: undefined,
    part: undefined,
    contexts: [],
    columns: new Map(),
  },
  report: { items: count, events: 2 * count, unknownItems: { count: 0, examples: [] } },
  hash: "",
};

/** A model with the weights of its start, as `poeem train` leaves it: the text table as its int8 rows say. */
async function towerOf(own: PoeemConfigInput["items"], model: PoeemConfigInput["model"] = {}) {
  const config = resolveConfig(
    {
      name: "t",
      data: { items: "-", events: "-" },
      items: own,
      split: { testModulus: 0, validation: 0 },
      model: { dim: 16, hiddenDim: 8, minFeatureCount: 1, ...model },
      index: { nlist: 4, numSubQuantizers: 8, bufferSize: 64 },
    },
    "test",
  );
  const dataset = buildDataset(raw, config);
  const towers = new TwoTower(config, dataset);
  towers.settle();
  return { config, dataset, towers, weights: await towers.itemTower() };
}

const everything = { text: ["title"], textFromEvents: true, categories: ["kind"], inputs: ["price", "year"] };

describe("the item tower without TensorFlow.js", () => {
  it.each<[string, PoeemConfigInput["items"], PoeemConfigInput["model"]]>([
    ["everything", everything, {}],
    ["vectors of any length", everything, { itemNorm: "free" }],
    ["no hidden layer", everything, { hiddenDim: 0 }],
    ["training queries alone", { textFromEvents: true }, {}],
    ["text alone", { text: ["title"] }, {}],
    ["ids alone", {}, {}],
  ])("gives trained items the trainer's vectors within 1e-5: %s", async (_, own, model) => {
    const { config, towers, weights } = await towerOf(own, model);
    const expected = await towers.itemVectors();
    const { vectors, nothingKnown } = itemEmbedder(weights, config)(ids, items);
    expect(nothingKnown).toEqual([]);
    for (const [d, value] of vectors.entries()) expect(Math.abs(value - expected[d]!)).toBeLessThan(1e-5);
  });

  it("embeds a new item by its content alone, with its text for the queries it does not have", async () => {
    const { config, dataset, weights } = await towerOf(everything);
    const { vectors } = itemEmbedder(weights, config)(
      ids.map((id) => `new ${id}`),
      items,
    );
    const [content] = dataset.itemTexts;
    const towers = new TwoTower(config, { ...dataset, itemTexts: [content!, content!] });
    towers.settle();
    (towers.itemInputs.learned["id"] as EmbeddingTable).rows.fill(0);
    const expected = await towers.itemVectors();
    for (const [d, value] of vectors.entries()) expect(Math.abs(value - expected[d]!)).toBeLessThan(1e-5);
  });

  it("leaves out categories and words it was not trained with, and names items of which it knows nothing", async () => {
    const { config, weights } = await towerOf({ text: ["title"], categories: ["kind"] });
    const table = itemTable(4, {
      title: ["thing 3", "thing 3", "☂", null],
      kind: ["unheard of", null, "unheard of", ""],
    });
    const { vectors, nothingKnown } = itemEmbedder(weights, config)(["a", "b", "c", "d"], table);
    expect(nothingKnown).toEqual([2, 3]);
    expect(vectors.subarray(0, 16)).toEqual(vectors.subarray(16, 32));
    expect(vectors.subarray(32).every((value) => value === 0)).toBe(true);
  });
});

describe("its file", () => {
  it("gives back what was written", async () => {
    const free = await towerOf(everything, { itemNorm: "free" });
    const small = await towerOf({}, { hiddenDim: 0, itemNorm: "free" });
    const moments = { moments: Float32Array.from({ length: 512 }, (_, i) => i), momentOf: Uint32Array.of(1, 0, 1, 1) };
    const { weights } = free;
    for (const tower of [{ weights }, { weights: small.weights }, { weights, moments }])
      expect(openItemTowerFile("file", itemTowerBytes(tower))).toEqual(tower);
    // unit length is what a file says by saying nothing
    const unit = (await towerOf(everything)).weights;
    expect(openItemTowerFile("file", itemTowerBytes({ weights: unit })).weights).toEqual({ ...unit, unit: undefined });
  });

  it("is refused when it was cut short, changed or is something else", async () => {
    const bytes = itemTowerBytes(await towerOf(everything));
    for (const bad of [bytes.subarray(0, 3), bytes.subarray(0, 100), bytes.subarray(0, -1), new Uint8Array(5000)]) {
      expect(() => openItemTowerFile("file", bad)).toThrow(
        /^item tower file is of an earlier release or damaged, train again: /,
      );
    }
    const other = bytes.slice();
    other[4] = 9;
    expect(() => openItemTowerFile("file", other)).toThrow(/version" expected 4 to 8, got 9/);
  });
});
