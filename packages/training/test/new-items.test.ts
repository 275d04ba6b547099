import { Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import type { PoeemConfigInput } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { itemEmbedder } from "../src/encode/embed-items.ts";
import type { EmbeddingTable } from "../src/model/embedding-table.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { NewItems } from "../src/train/new-items.ts";
import { load } from "./make-data.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

beforeAll(async () => {
  await useBackend("cpu");
});

const NOUNS = ["lamp", "boot", "kite", "cup"];
// the last ones have less and less: no kind, no title either
const items = Array.from({ length: 12 }, (_, i) => ({
  id: `i${String(i).padStart(2, "0")}`,
  title: i < 11 ? `${NOUNS[i % 4]} ${i % 3}` : "",
  kind: i < 10 ? `k${i % 3}` : null,
  price: i,
}));
const events = items.flatMap(({ id }, i) => [
  { query: `a ${NOUNS[i % 4]}`, item: id },
  { query: `number ${i}`, item: id },
]);

async function trained(own: PoeemConfigInput["items"], itemDropout?: number) {
  const { config, raw } = await load(
    { items, events },
    {
      items: own,
      split: { testModulus: 0, validation: 0 },
      model: { dim: 8, hiddenDim: 8, minFeatureCount: 1, itemFeatures: 10_000 },
      index: { numSubQuantizers: 4 },
      training: { itemDropout, ownSentences: false },
    },
  );
  return { config, raw, dataset: buildDataset(raw, config) };
}

describe("an item that a step reads as a new one", () => {
  it.each<[string, PoeemConfigInput["items"]]>([
    ["everything", { text: ["title"], textFromEvents: true, categories: ["kind"], inputs: ["price"] }],
    ["text alone", { text: ["title"], inputs: ["price"] }],
    ["training queries and categories", { textFromEvents: true, categories: ["kind"], inputs: ["price"] }],
  ])("is what poeem encode makes of one, and teaches its row nothing: %s", async (_, own) => {
    const { config, raw, dataset } = await trained(own);
    const model = new TwoTower(config, dataset);
    model.settle();
    const ids = [...raw.ids];
    const all = Uint32Array.from(ids.keys());
    const asNew = Uint8Array.from(all, (item) => item % 2);
    const sums = new Float32Array(all.length * 8);
    const back = model.itemInputs.add(all, sums, { random: new Random(1), asNew });
    const found = tf.tidy(() => model.embedItems(tf.tensor2d(sums, [all.length, 8])).dataSync());
    const weights = await model.itemTower();
    const names = ids.map((id, i) => (asNew[i] ? `new ${id}` : id));
    const { vectors } = itemEmbedder(weights, config)(names, raw.items);
    for (const [d, value] of vectors.entries()) expect(Math.abs(value - found[d]!)).toBeLessThan(1e-5);
    const { rows } = model.itemInputs.learned["id"] as EmbeddingTable;
    const before = rows.slice();
    back(new Float32Array(sums.length).fill(1));
    model.stepTables(0.1);
    for (const item of all) {
      const same = rows.subarray(item * 8, item * 8 + 8).every((value, d) => value === before[item * 8 + d]);
      expect(same).toBe(asNew[item] === 1);
    }
  });

  it("is drawn by the configured share, and never one with nothing else to go by", async () => {
    const { config, dataset } = await trained({ text: ["title"], textFromEvents: true, categories: ["kind"] }, 0.4);
    const all = Uint32Array.from({ length: 12_000 }, (_, i) => i % 12);
    const drawn = new NewItems(config, dataset).draw(all, new Random(1))!;
    const shares = items.map((_, item) => drawn.filter((_, i) => i % 12 === item).reduce((a, b) => a + b, 0) / 1000);
    for (const share of shares.slice(0, 11)) expect(Math.abs(share - 0.4)).toBeLessThan(0.06);
    expect(shares[11]).toBe(0);
    const none = await trained({ text: ["title"] }, 0);
    expect(new NewItems(none.config, none.dataset).draw(all, new Random(1))).toBeUndefined();
  });
});
