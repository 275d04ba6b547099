import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { readBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { encodeBy } from "../src/artifact/finished-codes.ts";
import { ITEM_TOWER_FILE, openItemTowerFile } from "../src/artifact/item-tower-file.ts";
import { useBackend } from "../src/backend/backend.ts";
import { type PoeemConfigInput, resolveConfig } from "../src/config.ts";
import { listOf } from "../src/data/csr.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { dataFacts, describeData } from "../src/data/report.ts";
import { trainingData } from "../src/data/sample.ts";
import type { Catalogue, QuerySet } from "../src/data/types.ts";
import { itemEmbedder } from "../src/encode/embed-items.ts";
import { evaluateIndex } from "../src/evaluate-index.ts";
import { trainIndex } from "../src/train-index.ts";
import { load } from "./make-data.ts";

vi.setConfig({ testTimeout: 120_000 });

beforeAll(async () => {
  await useBackend("wasm");
});

const COUNT = 200;
const NAMED = 120;
const NOUNS = ["lamp", "boot", "kite", "cup", "rope"];
const COLOURS = ["red", "blue", "green", "grey"];
const items = Array.from({ length: COUNT }, (_, i) => ({
  id: `item-${i}`,
  title: `${COLOURS[i % 4]} ${NOUNS[i % 5]} number${i % 37}`,
  kind: `k${i % 7}`,
}));

/** Events of the leading items, the first of them more often. */
function eventsOf(count: number) {
  const random = new Random(3);
  return Array.from({ length: count }, (_, time) => {
    const item = Math.min(random.integer(NAMED), random.integer(NAMED));
    const { title } = items[item]!;
    return {
      ...{ item: `item-${item}`, time, user: `u${random.integer(90)}`, device: random.integer(2) ? "phone" : "desk" },
      query: `${title.split(" ").slice(0, 2).join(" ")} word${random.integer(40)}`,
    };
  });
}
const events = eventsOf(1500);

const TEXTS: Partial<PoeemConfigInput> = {
  items: { text: ["title"], categories: ["kind"], textFromEvents: true },
  events: { context: ["device"] },
};
const HISTORIES: Partial<PoeemConfigInput> = {
  items: { text: ["title"], categories: ["kind"] },
  events: { user: "user" },
};
const ORDERED: Partial<PoeemConfigInput> = { ...HISTORIES, events: { user: "user", time: "time" } };

const SPLIT = { testModulus: 5, validation: 20 };
const sampled = (world: Partial<PoeemConfigInput>, sampleItems: number | undefined, rows = { items, events }) =>
  load(rows, { split: SPLIT, ...world, training: { sampleItems, ownSentences: false } });

const worlds: [string, Partial<PoeemConfigInput>][] = [
  ["texts", TEXTS],
  ["histories", HISTORIES],
  ["ordered histories", ORDERED],
];

/** A set of queries by the ids of its items. */
function byIds(set: QuerySet, { ids }: Pick<Catalogue, "ids">) {
  const names = (lists: QuerySet["relevant"], query: number) =>
    Array.from(listOf(lists, query), (item) => ids.at(item));
  return Array.from({ length: set.count }, (_, query) => ({
    query: `${set.texts[query]} of ${set.users[query]}`,
    relevant: names(set.relevant, query),
    history: names(set.histories, query),
  }));
}

describe("a sample of a catalogue", () => {
  it.each(worlds)("is all of it where that has no more items: %s", async (_, world) => {
    for (const most of [COUNT, 10 * COUNT]) {
      const { config, raw } = await sampled(world, most);
      expect(trainingData(raw, config)).toEqual(buildDataset(raw, config));
    }
  });

  it.each(worlds)(
    "leaves what is trained on and what is held out as it is, where it has all named items: %s",
    async (_, world) => {
      const { config, raw } = await sampled(world, 150);
      const full = buildDataset(raw, config);
      const { catalogue, sample, ...dataset } = trainingData(raw, config);
      expect(sample).toEqual({ items: 150, named: expect.any(Number), eventsLeft: 0 });
      expect(sample!.named).toBeLessThanOrEqual(NAMED);
      expect(dataset.ids.length).toBe(150);
      expect(byIds(dataset.train, dataset)).toEqual(byIds(full.train, full));
      expect(byIds(catalogue!.train, catalogue!)).toEqual(byIds(full.train, full));
      for (const side of ["test", "validation"] as const)
        expect(byIds(catalogue![side], catalogue!)).toEqual(byIds(full[side], full));
      expect(dataset.heldOutHash).toBe(full.heldOutHash);
      expect(dataset.behaviour).toBe(full.behaviour);
      expect(catalogue!.past).toEqual(full.past);
      expect(catalogue!.alsoTrained).toEqual(full.alsoTrained);
      expect(catalogue!.ids).toBe(raw.ids);
      expect(dataset.contextNames).toEqual(full.contextNames);
    },
  );

  it.each(worlds)(
    "holds out the same events, and all of them, where it has some of the named items: %s",
    async (_, world) => {
      const { config, raw } = await sampled(world, 40);
      const full = buildDataset(raw, config);
      const { catalogue, sample, ...dataset } = trainingData(raw, config);
      expect(dataset.ids.length).toBe(40);
      expect(dataset.heldOutHash).toBe(full.heldOutHash);
      expect(byIds(catalogue!.test, catalogue!)).toEqual(byIds(full.test, full));
      const kept = new Set(dataset.ids);
      const wanted = byIds(full.train, full)
        .map(({ relevant, ...others }) => ({ ...others, relevant: relevant.filter((id) => kept.has(id!)) }))
        .filter(({ relevant }) => relevant.length > 0);
      expect(byIds(dataset.train, dataset)).toEqual(wanted);
      // of words all queries count
      expect(byIds(catalogue!.train, catalogue!)).toEqual(byIds(full.train, full));
      expect(catalogue!.past).toEqual(full.past);
      expect(dataset.behaviour + sample!.eventsLeft).toBe(full.behaviour);
      expect(sample!.eventsLeft).toBeGreaterThan(0);
      // an item that only held-out events name is no more likely than any other
      const trained = new Set(full.eventItem);
      expect(Array.from(raw.ids).filter((id, item) => kept.has(id) && trained.has(item))).toHaveLength(40);
    },
  );

  it("is chosen by ids: not by the order of rows, and a larger one has a smaller one's items", async () => {
    const idsOf = async (most: number, rows = { items, events }): Promise<string[]> => {
      const { config, raw } = await sampled(TEXTS, most, rows);
      return [...trainingData(raw, config).ids];
    };
    const some = await idsOf(60);
    expect(await idsOf(60, { items: items.toReversed(), events: events.toReversed() })).toEqual(some);
    for (const more of [61, 90, 140]) expect(await idsOf(more)).toEqual(expect.arrayContaining(some));
    // one more item takes the place of one at most
    const before = await idsOf(150);
    const after = await idsOf(150, { items: [...items, { id: "new", title: "a new one", kind: "k1" }], events });
    expect(before.filter((id) => !after.includes(id)).length).toBeLessThanOrEqual(1);
  });

  it("trains on no sentence that is a held-out query of an item outside of it", async () => {
    const titled = events.map(({ item, ...event }) => ({ ...event, item, query: items[Number(item.slice(5))]!.title }));
    const { config, raw } = await load(
      { items, events: titled },
      { split: SPLIT, items: { text: ["title"] }, training: { sampleItems: 40, ownSentences: true } },
    );
    const { catalogue, ownSentences } = trainingData(raw, config);
    expect(ownSentences.count).toBeGreaterThan(10);
    const heldOut = new Set([...catalogue!.test.texts, ...catalogue!.validation.texts]);
    expect(ownSentences.texts.filter((text) => heldOut.has(text))).toEqual([]);
  });

  it("is told of in a line, and in the facts", async () => {
    const lineOf = async (most: number): Promise<string> => {
      const { config, raw } = await sampled(TEXTS, most);
      return describeData(config, dataFacts(raw, trainingData(raw, config))).find((line) =>
        line.startsWith("trained on"),
      )!;
    };
    expect(await lineOf(150)).toMatch(
      /^trained on 150 of 200 items \(training\.sampleItems\): \d+ that training events name, and others by a hash of /,
    );
    expect(await lineOf(40)).toMatch(
      /^trained on 40 of 200 items .*, by a hash of their ids from \d+ that training events name: [\d,]+ .* out; /,
    );
    expect(await lineOf(200)).toBeUndefined();
  });
});

describe("an index of a catalogue that a sample was trained on", () => {
  const settings = {
    split: SPLIT,
    model: { dim: 16, hiddenDim: 8, minFeatureCount: 1 },
    index: { nlist: 4, numSubQuantizers: 8, nbits: 4, bufferSize: 64 },
  } as const;

  it.each<[string, Partial<PoeemConfigInput>, number]>([
    ["texts", TEXTS, 150],
    ["texts without id rows", { ...TEXTS, items: { ...TEXTS.items, idRows: "none" } }, 50],
    ["texts with shared id rows", { ...TEXTS, items: { ...TEXTS.items, idRows: { hashed: 30 } } }, 150],
    ["histories", HISTORIES, 60],
    ["ordered histories without id rows", { ...ORDERED, items: { ...ORDERED.items, idRows: "none" } }, 100],
  ])(
    "has all items by the codes that `poeem encode` gives them, and is measured by all: %s",
    async (_, world, most) => {
      const directory = await mkdtemp(join(tmpdir(), "poeem-sample-"));
      const write = (name: string, rows: readonly object[]) =>
        writeFile(join(directory, name), rows.map((row) => JSON.stringify(row)).join("\n"));
      await write("items.jsonl", items);
      await write("events.jsonl", events);
      const file = join(directory, "poeem.config.ts");
      const input: PoeemConfigInput = {
        name: "t",
        data: { items: "SELECT * FROM 'items.jsonl'", events: "SELECT * FROM 'events.jsonl'" },
        ...settings,
        ...world,
        items: world.items ?? {},
        training: { sampleItems: most, epochs: 2, batchSize: 64 },
      };
      await writeFile(file, `export default ${JSON.stringify(input)}`);
      const out = join(directory, "index");
      const trained = await trainIndex({ config: file, out, backend: "wasm", checkpointEvery: 1e9 });
      expect(trained.items).toBe(COUNT);
      expect(trained.data.sample!.items).toBe(most);
      const index = await openIndexDirectory(out);
      expect(index.manifest.numItems).toBe(COUNT);

      const { weights, ...codesBy } = openItemTowerFile("file", await readBytes(join(out, ITEM_TOWER_FILE)));
      const { config, raw } = await load({ items, events }, input);
      const ids = [...raw.ids];
      const { vectors } = itemEmbedder(weights, config)(ids, raw.items);
      const { codes, assignments } = await encodeBy({ ...codesBy, codebook: index.codebook }, vectors);
      const held = await index.codes(await index.ordinals(ids));
      expect(held.assignments).toEqual(assignments);
      expect(held.codes).toEqual(codes);

      const result = await evaluateIndex({ config: file, index: out, backend: "wasm", queries: 1e6 });
      const { test } = buildDataset(raw, config);
      expect(result.queries).toBe(test.count);
      expect(result.items).toBe(COUNT);
      expect(result.backend).toBe("wasm");
      expect(trained.data.testQueries).toBe(test.count);
      expect(result.rows.find(({ kind }) => kind === "dense")!.recallAt10).toBeGreaterThan(0.05);
    },
  );
});

describe("training.sampleItems", () => {
  const resolve = (input: Partial<PoeemConfigInput>) =>
    resolveConfig({ name: "t", data: { items: "-", events: "-" }, items: {}, ...input }, "c.ts");

  it("is refused where nothing is known of items outside of the sample", () => {
    expect(() => resolve({ training: { sampleItems: 10 } })).toThrow(
      "c.ts: training.sampleItems expected items.text, items.categories, items.inputs or items.embeddings to name a " +
        "column, got none: without them nothing is known of items outside of the sample",
    );
  });

  it("is refused for vectors alone, which have a sample of their own", () => {
    expect(() =>
      resolve({ data: { items: "-" }, items: { embeddings: ["v"] }, training: { sampleItems: 10 } }),
    ).toThrow(
      "c.ts: training.sampleItems expected data.events or items.text: vectors alone are learned from " +
        "index.bufferSize of them",
    );
  });

  it("has steps read some items as new ones, as those outside of the sample are", () => {
    const dropout = (training: object, items: object = { categories: ["k"] }) =>
      resolve({ items, events: { user: "u" }, training }).training.itemDropout;
    expect(dropout({})).toBe(0);
    expect(dropout({ sampleItems: 10 })).toBe(0.2);
    expect(dropout({ sampleItems: 10, itemDropout: 0 })).toBe(0);
  });
});
