import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fnv1a32 } from "@poeem/towers";
import { describe, expect, it } from "vitest";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { listOf } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { textsFromEvents } from "../src/data/item-texts.ts";
import { loadData } from "../src/data/load.ts";
import type { RawData } from "../src/data/types.ts";
import { BatchBuilder } from "../src/model/batch.ts";

const WORDS = ["red", "blue", "green", "cat", "dog", "owl", "sky", "sea", "sun", "oak"];
const items = WORDS.map((word, i) => ({ id: `item-${i}`, title: word, kind: i % 2 ? "odd" : "even" }));
const events = WORDS.flatMap((word, i) =>
  WORDS.slice(0, 6).map((other) => ({ query: `${word} ${other}`, item: `item-${i}` })),
);

async function load(rows: { items?: object[]; events?: object[] }, overrides: Partial<PoeemConfigInput> = {}) {
  const directory = await mkdtemp(join(tmpdir(), "poeem-data-"));
  const write = (name: string, objects: object[]): Promise<void> =>
    writeFile(join(directory, name), objects.map((row) => JSON.stringify(row)).join("\n"));
  await write("items.jsonl", rows.items ?? items);
  await write("events.jsonl", rows.events ?? events);
  const config = resolveConfig(
    {
      name: "t",
      data: { items: "SELECT * FROM 'items.jsonl'", events: "SELECT * FROM 'events.jsonl'" },
      items: { text: ["title"], textFromEvents: true, categories: ["kind"] },
      ...overrides,
    },
    "test",
  );
  return { config, raw: await loadData(config, directory) };
}

const queriesOf = ({ events: { query } }: RawData): string[] =>
  Array.from(query!.numbers, (number) => query!.values[number]!);

describe("loadData", () => {
  it("numbers items in order and sorts events by query and item", async () => {
    const { raw } = await load({});
    expect([...raw.ids]).toEqual(items.map(({ id }) => id));
    expect(queriesOf(raw).map((query, i) => `${query} → ${raw.ids.at(raw.events.item[i]!)}`)).toEqual(
      events.map(({ query, item }) => `${query} → ${item}`).sort(),
    );
  });

  it("counts events of unknown items and leaves them out", async () => {
    const { raw } = await load({ events: [...events, { query: "x", item: "nobody" }, { query: "y", item: "nobody" }] });
    expect(raw.report.unknownItems).toEqual({
      count: 2,
      examples: [
        { row: 61, value: "nobody" },
        { row: 62, value: "nobody" },
      ],
    });
    expect(queriesOf(raw)).toHaveLength(events.length);
  });

  it("has a hash that changes with the data and with nothing else", async () => {
    const [a, b, c] = await Promise.all([load({}), load({}), load({ events: events.slice(1) })]);
    expect(a.raw.hash).toBe(b.raw.hash);
    expect(a.raw.hash).not.toBe(c.raw.hash);
  });

  it.each<[string, Parameters<typeof load>[0], RegExp]>([
    ["duplicate ids", { items: [...items, items[3]!] }, /data\.items: 1 row with repeated id \(row 11: "item-3"\)/],
    [
      "null ids",
      { items: [{ id: null, title: "x", kind: "y" }, ...items] },
      /data\.items: 1 row with no id \(row 1: null\)/,
    ],
    [
      "empty queries",
      { events: [{ query: "", item: "item-1" }, ...events] },
      /data\.events: 1 row with no query \(row 1: ""\)/,
    ],
    ["no known item", { events: [{ query: "a", item: "b" }] }, /expected at least one event of a known item/],
    ["a missing column", { events: [{ q: "a", item: "item-1" }] }, /data\.events: expected column query; got q, item/],
  ])("refuses %s", async (_, rows, message) => {
    await expect(load(rows)).rejects.toThrow(message);
  });
});

describe("buildDataset", () => {
  it("holds out exactly the queries whose hash is a multiple of the modulus", async () => {
    const { config, raw } = await load({}, { split: { testModulus: 3, validation: 0 } });
    const dataset = buildDataset(raw, config);
    const all = [...new Set(queriesOf(raw))];
    expect(dataset.test.texts.toSorted()).toEqual(all.filter((query) => fnv1a32(query) % 3 === 0).toSorted());
    expect(dataset.train.texts.toSorted()).toEqual(all.filter((query) => fnv1a32(query) % 3 !== 0).toSorted());
    expect(dataset.test.texts.length).toBeGreaterThan(0);
  });

  it("lets no held-out query into the texts of items or the training events", async () => {
    const { config, raw } = await load({}, { split: { testModulus: 2, validation: 0 } });
    const dataset = buildDataset(raw, config);
    const texts = textsFromEvents(raw.ids.length, dataset.train).map((text) => text.split("\n"));
    for (const query of dataset.test.texts) for (const text of texts) expect(text).not.toContain(query);
    expect(dataset.behaviour).toBe(queriesOf(raw).filter((query) => fnv1a32(query) % 2 !== 0).length);
    expect(dataset.eventItem).toHaveLength(dataset.behaviour + dataset.ownSentences.relevant.values.length);
  });

  it("masks exactly the accidental hits of a batch", async () => {
    const { config, raw } = await load({}, { split: { testModulus: 0, validation: 0 } });
    const dataset = buildDataset(raw, config);
    const positions = Uint32Array.from([0, 7, 7, 13, 22, 41, 0, 59]);
    const { queries, items: columns, masked } = new BatchBuilder(dataset, 8).build(positions);
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j < 8; j++) {
        const right = listOf(dataset.train.relevant, queries[i]!).includes(columns[j]!);
        expect(listOf(masked, i).includes(j)).toBe(right && i !== j);
      }
    }
    expect(masked.values.length).toBeGreaterThan(0);
  });
});

describe("resolveConfig", () => {
  const base = { name: "t", data: { items: "a", events: "b" }, items: {} };
  it.each<[string, object, RegExp]>([
    ["an unknown key", { ...base, colour: 1 }, /where: .*colour/],
    ["an unknown nested key", { ...base, index: { cells: 3 } }, /where: index: .*cells/],
    ["a wrong type", { ...base, training: { epochs: "many" } }, /training\.epochs/],
    [
      "a dim that does not divide",
      { ...base, model: { dim: 60 } },
      /model\.dim expected a multiple of index\.numSubQuantizers \(32\), got 60/,
    ],
    ["codes of five bits", { ...base, index: { nbits: 5 } }, /index\.nbits/],
    [
      "more cells than samples",
      { ...base, index: { nlist: 9000, bufferSize: 8192 } },
      /index\.nlist expected at most index\.bufferSize/,
    ],
  ])("refuses %s", (_, input, message) => expect(() => resolveConfig(input, "where")).toThrow(message));
});
