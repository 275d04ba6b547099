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
      model.itemInputs.add([item, item], found, { random: new Random(1), asked: Uint32Array.of(query) });
      brute.itemInputs.add([item], expected, { random: new Random(1) });
      model.itemInputs.add([item], expected.subarray(8), { random: new Random(1) });
      for (const [d, value] of found.entries()) expect(value).toBeCloseTo(expected[d]!, 5);
    }
  });

  it.each([1, 2, 3])(
    "reads half of the time no word of it where texts are all that is known, and has no row of its own (%i)",
    async (seed) => {
      const random = new Random(seed);
      const draw = () => ["red", "blue", "lamp", "boot", "kite"][random.integer(5)]!;
      const texts = Array.from(
        { length: 6 },
        () => `${draw()} ${draw()}. ${draw()} for ${draw()} and ${draw()} or ${draw()}`,
      );
      // the last one has nothing but a title, which is none of the text columns
      const items = [...texts, ""].map((about, i) => ({ id: `i${i}`, title: `${draw()} ${draw()}`, about }));
      const { config, raw } = await load(
        { items },
        {
          items: { text: ["about"] },
          model: { dim: 8, hiddenDim: 0, minFeatureCount: 1, itemFeatures: 10_000 },
          index: { numSubQuantizers: 4 },
        },
      );
      const dataset = buildDataset(raw, config);
      const { itemInputs, text } = new TwoTower(config, dataset);
      const { queryRows, itemTexts, eventQuery, eventItem, ids } = dataset;
      const mean = (rows: readonly number[]): Float32Array => {
        const sum = new Float32Array(8);
        for (const row of rows) text.rows.addRow(row, 1 / rows.length, sum, 0);
        return sum;
      };
      const draws = new Random(seed);
      const counts = { all: 0, others: 0 };
      for (const [event, query] of eventQuery.entries()) {
        const item = eventItem[event]!;
        const found = new Float32Array(16);
        itemInputs.add([item, item], found, { random: draws, asked: Uint32Array.of(query) });
        const all = [...listOf(itemTexts[0]!, item)];
        if (all.length === 0) {
          // without its row it would be nothing
          expect(Math.hypot(...found)).toBeGreaterThan(0);
          continue;
        }
        const words = new Set(listOf(queryRows, query));
        const others = all.filter((row) => !words.has(row));
        const isSame = (rows: readonly number[]) => mean(rows).every((value, d) => Math.abs(value - found[d]!) < 1e-5);
        const reads = isSame(all) ? "all" : "others";
        if (reads === "others") expect(isSame(others)).toBe(true);
        if (others.length > 0) counts[reads]++;
        // the second is a negative, and reads everything
        for (const [d, value] of mean(all).entries()) expect(found[8 + d]).toBeCloseTo(value, 5);
      }
      expect(Math.min(counts.all, counts.others)).toBeGreaterThan(3);
      const remembered = new Float32Array(ids.length * 8);
      itemInputs.remember(remembered);
      for (const [item] of items.entries())
        expect(remembered.subarray(item * 8, item * 8 + 8).some((value) => value !== 0)).toBe(
          listOf(itemTexts[0]!, item).length === 0,
        );
    },
  );
});
