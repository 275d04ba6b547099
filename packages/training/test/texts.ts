import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import type { RawData } from "../src/data/types.ts";
import { itemTable } from "./item-table.ts";

/** A catalogue of things that are asked for by their titles: query e leads to item e modulo `numItems`. */
export function things(numItems: number, numEvents: number, overrides: Partial<PoeemConfigInput> = {}) {
  const config = resolveConfig(
    {
      name: "things",
      data: { items: "-", events: "-" },
      items: { text: ["title"] },
      split: { testModulus: 0, validation: 0 },
      ...overrides,
    },
    "test",
  );
  const titles = Array.from({ length: numItems }, (_, i) => `thing${i} of kind${i % 5}`);
  const item = Uint32Array.from({ length: numEvents }, (_, event) => event % numItems);
  const raw: RawData = {
    ids: titles.map((_, i) => `item-${i}`),
    items: itemTable(numItems, { title: titles }),
    events: {
      count: numEvents,
      query: {
        values: Array.from(item, (i, event) => `${titles[i]} please${event}`),
        numbers: Uint32Array.from(item.keys()),
      },
      user: undefined,
      item,
      ordered: false,
      time: undefined,
      part: undefined,
      contexts: [],
      columns: new Map(),
    },
    report: { items: numItems, events: numEvents, unknownItems: { count: 0, examples: [] } },
    hash: "",
  };
  return { config, raw, dataset: buildDataset(raw, config) };
}
