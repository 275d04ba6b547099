import { Random } from "@poeem/indexing-layer";
import type { ItemWords } from "@poeem/pq-core/words";
import { indexTerms, nameHash } from "@poeem/towers";
import { describe, expect, it } from "vitest";
import { buildDataset } from "../src/data/dataset.ts";
import type { ItemTable } from "../src/data/types.ts";
import { wordColumns, wordsByStatistics, wordsOfCatalogue } from "../src/words/item-words.ts";
import { itemQueries, packQueries, queriesById, unpackQueries } from "../src/words/queries.ts";
import { itemTable } from "./item-table.ts";
import { load } from "./make-data.ts";

const count = 40;
const random = new Random(7);
const WORDS = ["red", "blue", "Café", "AB-12", "lamp", "boot", "of", "größe", "x9", "kite", "東京都"];
const text = (most: number): string =>
  Array.from({ length: random.integer(most + 1) }, () => WORDS[random.integer(WORDS.length)]!).join(" ");
const titles = Array.from({ length: count }, () => text(4));
const bodies = Array.from({ length: count }, (_, i) =>
  i % 7 === 0 ? null : i % 5 === 0 ? [text(9), text(3)] : text(20),
);
const ids = titles.map((_, i) => `item-${i}`);
const items: ItemTable = {
  ...itemTable(count, { title: titles, body: bodies }),
  fields: new Map([["title", { column: "title", kind: "text" }]]),
};
const asked = Array.from({ length: 60 }, () => text(3));
const train = {
  count: asked.length + 1,
  texts: [...asked, asked[0]!],
  users: [],
  histories: { offsets: new Uint32Array(62), values: new Uint32Array(0) },
  contexts: { offsets: new Uint32Array(62), values: new Uint32Array(0) },
  relevant: {
    offsets: Uint32Array.from({ length: 62 }, (_, i) => 2 * i),
    values: Uint32Array.from({ length: 122 }, (_, i) =>
      // few items have queries; the last query is the first one again, of the same item
      i >= 120 ? i - 120 : i % 2 === 0 ? (3 * i) % 10 : 10 + ((7 * i) % 5),
    ),
  },
};
const queries = itemQueries(count, train)!;

/** Impacts by term, for each item. */
function byItem({ terms, offsets, numbers, impacts }: ItemWords): Map<string, number>[] {
  return Array.from({ length: offsets.length - 1 }, (_, item) => {
    const own = Array.from({ length: offsets[item + 1]! - offsets[item]! }, (_, i) => offsets[item]! + i);
    expect(new Set(own.map((at) => numbers[at])).size).toBe(own.length);
    return new Map(own.map((at) => [terms[numbers[at]!]!, impacts[at]!]));
  });
}

/** BM25F by plain loops, as the method has it. */
function oracle(b = 0.75): Map<string, number>[] {
  const queriesOf = (item: number): string[] => {
    const texts = train.texts.filter((_, q) => train.relevant.values.slice(2 * q, 2 * q + 2).includes(item));
    return [...new Set(texts)];
  };
  const fields = [
    titles.map((title) => indexTerms(title)),
    bodies.map((body) => [body ?? []].flat().flatMap((part) => indexTerms(part))),
    titles.map((_, item) => queriesOf(item).flatMap((query) => indexTerms(query))),
  ];
  const averages = fields.map((field) => {
    const filled = field.filter((terms) => terms.length > 0);
    return filled.reduce((sum, terms) => sum + terms.length, 0) / filled.length;
  });
  return titles.map((_, item) => {
    const own = new Set(fields.flatMap((field) => field[item]!));
    return new Map(
      Array.from(own, (term) => {
        let frequency = 0;
        fields.forEach((field, f) => {
          const tf = field[item]!.filter((other) => other === term).length;
          const of = f === fields.length - 1 ? b : 0.75;
          frequency += tf / (1 - of + (of * field[item]!.length) / averages[f]!);
        });
        return [term, Math.ceil((15 * frequency) / (frequency + 1.2))];
      }),
    );
  });
}

describe("words of items", () => {
  const { words, statistics } = wordsOfCatalogue({ ids, items, queries }, ["title", "body"]);

  it("have the impacts of BM25F by plain loops", () => {
    expect(byItem(words)).toEqual(oracle());
    expect(new Set(words.terms).size).toBe(words.terms.length);
    const range = [...words.impacts].sort((a, b) => a - b);
    expect(range[0]).toBeGreaterThanOrEqual(1);
    expect(range.at(-1)).toBeLessThanOrEqual(15);
  });

  it.each([undefined, 0])("of some items are the same by the statistics of all, b of queries %s", (b) => {
    const { words, statistics } = wordsOfCatalogue({ ids, items, queries }, ["title", "body"], b);
    expect(byItem(words)).toEqual(oracle(b));
    const some = [3, 17, 5, 39];
    const table: ItemTable = {
      ...items,
      count: some.length,
      texts: new Map(Array.from(items.texts, ([name, column]) => [name, some.map((item) => column[item]!)])),
    };
    const own = some.map((item) => ids[item]!);
    const kept = unpackQueries(packQueries({ ...queries, ids }))!;
    const part = wordsByStatistics({ ids: own, items: table, queries: queriesById(kept)(own) }, statistics);
    const whole = byItem(words);
    expect(byItem(part)).toEqual(some.map((item) => whole[item]));
  });

  it("of a new item are those of its texts; of an id alone there are none", () => {
    const kept = { ...queries, ids };
    const table: ItemTable = { ...items, count: 1, texts: new Map([...items.texts].map(([name]) => [name, ["lamp"]])) };
    const fresh = wordsByStatistics({ ids: ["new"], items: table, queries: queriesById(kept)(["new"]) }, statistics);
    expect([...byItem(fresh)[0]!.keys()]).toEqual(["lamp"]);
    const bare = wordsByStatistics({ ids: ["new", "AB-1"] }, statistics);
    expect(bare.numbers.length).toBe(0);
    expect([...bare.names]).toEqual([nameHash("new"), nameHash("ab1")]);
  });

  it("call an item by its id and its title, once where they are one", () => {
    const table: ItemTable = { ...items, count: 3, texts: new Map([["title", ["Red Lamp", "B", null]]]) };
    const { names, nameOffsets } = wordsOfCatalogue({ ids: ["a", "b", "c"], items: table }, ["title"]).words;
    expect([...nameOffsets]).toEqual([0, 2, 3, 4]);
    expect([...names]).toEqual([nameHash("a"), nameHash("red-lamp"), nameHash("b"), nameHash("c")]);
  });

  it("are of text columns and the title, once where it is one of them", () => {
    const config = (columns: string[]) => ({ items: { text: columns } }) as Parameters<typeof wordColumns>[1];
    expect(wordColumns(items, config(["body"]))).toEqual(["body", "title"]);
    expect(wordColumns(items, config(["title", "body"]))).toEqual(["title", "body"]);
    expect(wordColumns({ ...items, fields: new Map() }, config([]))).toEqual([]);
  });

  it("leave out the end of a book, and have no term longer than the format takes", () => {
    const long = `${"東".repeat(200)} ${"a1-".repeat(200)} ${"ß".repeat(200)}`;
    const book = Array.from({ length: 20_000 }, (_, i) => `w${i}q`).join(" ");
    const table: ItemTable = { ...items, count: 2, texts: new Map([["title", [`${long} lamp`, book]]]) };
    const { terms } = wordsOfCatalogue({ ids: ["a", "b"], items: table }, ["title"]).words;
    expect(terms).toContain("lamp");
    expect(terms).toContain("w0q");
    expect(terms.filter((term) => Buffer.byteLength(term) > 128)).toEqual([]);
    expect(terms).not.toContain("w19999q");
  });
});

describe("queries of items", () => {
  it("come back from the arrays of a file", () => {
    const kept = { ...queries, ids };
    const { texts, lists, ids: trained } = unpackQueries(packQueries(kept))!;
    expect([...texts]).toEqual([...queries.texts]);
    expect([...trained]).toEqual(ids);
    expect(lists).toEqual(queries.lists);
  });

  it("are refused where the arrays do not fit", () => {
    const arrays = packQueries({ ...queries, ids });
    expect(unpackQueries(arrays.slice(1))).toBeUndefined();
    const damaged = arrays.map((array) => array.slice());
    damaged[5]![0] = 1 << 30;
    expect(unpackQueries(damaged)).toBeUndefined();
    damaged[5]![0] = 0;
    damaged[4]![1] = 1 << 30;
    expect(unpackQueries(damaged)).toBeUndefined();
  });

  it.each([{ testModulus: 3 }, { testModulus: 4, validation: 30 }])("are of training alone: %o", async (split) => {
    const things = Array.from({ length: 20 }, (_, i) => ({ id: `i${i}`, title: `thing ${i}` }));
    const events = Array.from({ length: 300 }, (_, i) => ({ query: `ask${i}q please`, item: `i${i % 20}` }));
    const { config, raw } = await load({ items: things, events }, { items: { text: ["title"] }, split });
    const dataset = buildDataset(raw, config);
    const { words } = wordsOfCatalogue(
      { ids: dataset.ids, items: dataset.items, queries: itemQueries(20, dataset.train) },
      ["title"],
    );
    const terms = new Set(words.terms);
    const firstWords = (texts: readonly string[]): string[] => texts.map((query) => query.split(" ")[0]!);
    const heldOut = [...firstWords(dataset.validation.texts), ...firstWords(dataset.test.texts)];
    expect(heldOut.length).toBeGreaterThan(50);
    expect(heldOut.filter((word) => terms.has(word))).toEqual([]);
    expect(firstWords(dataset.train.texts).filter((word) => !terms.has(word))).toEqual([]);
  });
});
