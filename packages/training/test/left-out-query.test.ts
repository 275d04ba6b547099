import { Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { listOf, toCsr } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { rowsFromEvents } from "../src/data/item-texts.ts";
import { itemsOfQuery } from "../src/data/own-sentences.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { load } from "./make-data.ts";

describe("an item that a query is to find in a training step", () => {
  it.each([1, 2, 3])("reads all training queries but that one (%i)", async (seed) => {
    const random = new Random(seed);
    const words = ["red", "blue", "lamp", "boot", "kite"];
    const draw = () => words[random.integer(words.length)]!;
    const items = Array.from({ length: 6 }, (_, i) => ({ id: `i${i}`, title: `${draw()} ${draw()}` }));
    const events = Array.from({ length: 30 }, () => ({
      query: `${draw()} ${draw()} ${draw()}`,
      item: `i${random.integer(6)}`,
    }));
    const { config, raw } = await load(
      { items, events },
      {
        items: { text: ["title"], textFromEvents: true },
        split: { testModulus: 0, validation: 0 },
        model: { dim: 8, hiddenDim: 0, minFeatureCount: 1, itemFeatures: 10_000 },
        index: { numSubQuantizers: 4 },
        training: { ownSentences: true },
      },
    );
    const dataset = buildDataset(raw, config);
    const model = new TwoTower(config, dataset);
    const { train, queryRows, itemTexts, eventQuery, eventItem, ids } = dataset;
    for (const [event, query] of eventQuery.entries()) {
      const item = eventItem[event]!;
      expect(itemsOfQuery(dataset, query)).toContain(item);
      const others = Array.from({ length: train.count }, (_, q) => (q === query ? [] : [...listOf(train.relevant, q)]));
      const without = rowsFromEvents(ids.length, { ...train, relevant: toCsr(others) }, queryRows);
      const brute = new TwoTower(config, { ...dataset, itemTexts: [itemTexts[0]!, without] });
      const [found, expected] = [new Float32Array(16), new Float32Array(16)];
      // the second item is a negative: it reads all of its own
      model.itemInputs.add([item, item], found, new Random(1), Uint32Array.of(query));
      brute.itemInputs.add([item], expected, new Random(1));
      model.itemInputs.add([item], expected.subarray(8), new Random(1));
      for (const [d, value] of found.entries()) expect(value).toBeCloseTo(expected[d]!, 5);
    }
  });
});
