import { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { createItemTower, createQueryTower } from "@poeem/towers";
import { Matrix, SingularValueDecomposition } from "ml-matrix";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import type { PoeemConfigInput } from "../src/config.ts";
import { buildDataset } from "../src/data/dataset.ts";
import { describeHeldOut, heldOutFacts } from "../src/data/report.ts";
import { checkLengths, itemEmbedder } from "../src/encode/embed-items.ts";
import { EmbeddingMaps } from "../src/model/embedding-maps.ts";
import type { RowsRead } from "../src/model/row-source.ts";
import { TwoTower } from "../src/model/two-tower.ts";
import { encoderOf, questionOf } from "../src/rank/query-encoder.ts";
import { load } from "./make-data.ts";

beforeAll(async () => {
  await useBackend("cpu");
});

const random = new Random(11);
const vector = (length: number, scale = 1): number[] =>
  Array.from({ length }, () => Math.fround(scale * (1 + random.normal())));

const ITEMS = Array.from({ length: 40 }, (_, i) => ({ id: `i${i + 10}`, vec: vector(12), image: vector(7, 30) }));
const QUERIES = Array.from({ length: 25 }, (_, i) => ({ query: `words ${i}`, vec: vector(12, 0.1), other: vector(5) }));
const EVENTS = Array.from({ length: 60 }, (_, i) => ({ query: `words ${i % 30}`, item: `i${((i * 7) % 40) + 10}` }));

const OPTIONS: Partial<PoeemConfigInput> = {
  split: { testModulus: 0, validation: 0 },
  model: { dim: 4, hiddenDim: 0, minFeatureCount: 1000 },
  index: { nlist: 0, numSubQuantizers: 2, bufferSize: 256 },
  training: { ownSentences: false },
};

async function world(items: string[], queries: string[], model: PoeemConfigInput["model"] = {}) {
  const rows = { items: ITEMS, events: EVENTS, ...(queries.length > 0 && { queries: QUERIES }) };
  const { config, raw } = await load(rows, {
    ...OPTIONS,
    model: { ...OPTIONS.model, ...model },
    items: { embeddings: items },
    ...(queries.length > 0 && { queries: { embeddings: queries, encoder: "a model" } }),
  });
  const dataset = buildDataset(raw, config);
  return { config, raw, dataset, model: new TwoTower(config, dataset) };
}

/** Sums of the inputs of all items and queries, before layers and norms. */
function sumsOf({ model, dataset }: Awaited<ReturnType<typeof world>>) {
  const { dim } = model;
  const items = new Float32Array(dataset.ids.length * dim);
  model.itemInputs.add(
    Uint32Array.from({ length: dataset.ids.length }, (_, i) => i),
    items,
  );
  const texts = QUERIES.map(({ query }) => query);
  const set = { ...dataset.train, texts, count: texts.length };
  const queries = new Float32Array(texts.length * dim);
  model.queryInputs.add({ set, numbers: Uint32Array.from(texts.keys()) }, queries);
  return [items, queries].map((rows) => Matrix.from1DArray(rows.length / dim, dim, rows)) as [Matrix, Matrix];
}

const unit = (rows: readonly (readonly number[])[]): Matrix =>
  new Matrix(rows.map((row) => row.map((value) => value / Math.hypot(...row))));

/** The best approximation of rank `dim` of all inner products, by a full SVD: its part of queries and items. */
function bestProducts(items: Matrix, queries: Matrix, dim: number): Matrix {
  const all = new Matrix([...items.to2DArray(), ...queries.to2DArray()]);
  const basis = new SingularValueDecomposition(all).rightSingularVectors.subMatrixColumn(
    Array.from({ length: dim }, (_, d) => d),
  );
  return queries.mmul(basis).mmul(items.mmul(basis).transpose());
}

function expectNear(got: Matrix, wanted: Matrix, within = 1e-3): void {
  expect(Matrix.sub(got, wanted).abs().max()).toBeLessThan(within);
}

describe("before any step", () => {
  it("towers give the best inner products of rank dim", async () => {
    const [items, queries] = sumsOf(await world(["vec"], ["vec"]));
    const wanted = bestProducts(unit(ITEMS.map(({ vec }) => vec)), unit(QUERIES.map(({ vec }) => vec)), 4);
    expectNear(queries.mmul(items.transpose()), wanted);
  });

  it("columns that both have share them, and a column of one tower adds nothing", async () => {
    const both = await world(["vec", "image"], ["vec", "other"]);
    const [items, queries] = sumsOf(both);
    const wanted = bestProducts(unit(ITEMS.map(({ vec }) => vec)), unit(QUERIES.map(({ vec }) => vec)), 4);
    expectNear(queries.mmul(items.transpose()), wanted);
  });

  it("items alone are placed by all of their columns", async () => {
    const [items] = sumsOf(await world(["vec", "image"], []));
    const [vec, image] = [unit(ITEMS.map(({ vec }) => vec)), unit(ITEMS.map(({ image }) => image))];
    const joined = new Matrix(vec.to2DArray().map((row, i) => [...row, ...image.getRow(i)]));
    expectNear(items.mmul(items.transpose()), bestProducts(joined, joined, 4));
  });

  it("more dimensions than numbers give the inner products themselves", async () => {
    const [items, queries] = sumsOf(await world(["vec"], ["vec"], { dim: 16 }));
    expectNear(
      queries.mmul(items.transpose()),
      unit(QUERIES.map(({ vec }) => vec)).mmul(unit(ITEMS.map(({ vec }) => vec)).transpose()),
    );
  });
});

describe("a trained map", () => {
  it("has the gradient of what it adds", () => {
    const values = Float32Array.from({ length: 3 * 5 }, () => random.normal());
    const start = Float32Array.from({ length: 5 * 2 }, () => random.normal());
    const init = { random, stddev: 0, accumulator: 0, optimizer: "adagrad" as const, dim: 2 };
    const make = () =>
      new EmbeddingMaps("item", new Map([["v", { length: 5, values }]]), new Map([["v", start]]), init);
    const rows = [2, -1, 0, 2];
    const weights = Float32Array.from({ length: 8 }, () => random.normal());
    const addTo = (maps: EmbeddingMaps, out: Float32Array) => {
      const [{ source, lists }] = maps.read(rows) as [RowsRead];
      return source.addSums(lists, out);
    };
    const loss = (maps: EmbeddingMaps): number => {
      const out = new Float32Array(8);
      addTo(maps, out);
      return out.reduce((sum, value, i) => sum + value * weights[i]!, 0);
    };
    const maps = make();
    const before = loss(maps);
    addTo(maps, new Float32Array(8))(weights);
    maps.learned["item embedding v"]!.step(1e-4);
    // a row of Adagrad's first step moves by the rate, three tenths of a table's, times its gradient over the root of
    // its mean square
    const expected = [...Array(6).keys()].reduce((sum, i) => {
      const gradient = [0, 1].map((d) =>
        rows.reduce((all, row, n) => {
          if (row < 0) return all;
          const x = values.subarray(row * 5, row * 5 + 5);
          return all + (i === 5 ? 1 : x[i]! / Math.hypot(...x)) * weights[n * 2 + d]!;
        }, 0),
      );
      const squares = gradient.reduce((all, g) => all + g * g, 0);
      return sum + squares / Math.sqrt(squares / 2 + 1e-8);
    }, 0);
    expect((before - loss(maps)) / ((0.3 * 1e-4) / Math.sqrt(5))).toBeCloseTo(expected, 1);
  });

  it("is what the published towers compute with, beside other inputs, in the search and in poeem encode", async () => {
    const { config, raw, dataset, model } = await world(["vec", "image"], ["vec"], { hiddenDim: 6, dim: 32 });
    model.settle();
    const weights = await model.queryTower();
    const tower = createQueryTower(weights);
    expect(tower.reads.embeddings).toEqual([{ name: "vec", encoder: "a model", length: 12 }]);
    const set = { ...dataset.train, texts: ["words 3", "words 28"], count: 2 };
    const output = model.embedQueries({ set, numbers: [0] }, 1);
    const expected = (await output.data()) as Float32Array;
    const found = encoderOf(tower, set, dataset)(0, new Float32Array(0))!.vectors[0]!;
    for (let d = 0; d < 32; d++) expect(found[d]).toBeCloseTo(expected[d]!, 5);
    // nothing is known of a text without a row, and without words
    expect(questionOf(set, dataset, 1)).toEqual({ text: "words 28" });
    expect(encoderOf(tower, set, dataset)(1, new Float32Array(0))).toBeUndefined();
    const itemTower = await model.itemTower();
    const items = await model.itemVectors();
    const { vectors } = itemEmbedder(itemTower, config)([...raw.ids], raw.items);
    for (let i = 0; i < items.length; i++) expect(vectors[i]).toBeCloseTo(items[i]!, 5);
    expect(createItemTower(itemTower).embed({ id: "new" })).toBeUndefined();
    expect(() => checkLengths("new.csv", itemTower, raw.items)).not.toThrow();
    const short = { ...raw.items, vectors: new Map([["vec", { length: 2, values: new Float32Array(2) }]]) };
    expect(() => checkLengths("new.csv", itemTower, short)).toThrow(
      new UserError(
        "new.csv: expected vectors of 12 numbers in column vec (items.embeddings), those of the index, got 2",
      ),
    );
  });
});

describe("embeddings as data", () => {
  it("are read from lists, arrays of one length, texts and JSON, by the item's number", async () => {
    const { raw } = await load({ items: ITEMS, events: EVENTS }, { items: { embeddings: ["vec"] } });
    for (const sql of ["vec::FLOAT[]", "vec::FLOAT[12]", "vec::DOUBLE[12]", "vec::VARCHAR", "to_json(vec)"]) {
      const data = { items: `SELECT id, ${sql} AS vec FROM 'items.jsonl' ORDER BY id DESC` };
      const again = await load(
        { items: ITEMS, events: EVENTS },
        { items: { embeddings: ["vec"] }, data: { ...data, events: "FROM 'events.jsonl'" } },
      );
      expect(again.raw.items.vectors).toEqual(raw.items.vectors);
    }
    const { length, values } = raw.items.vectors.get("vec")!;
    expect(length).toBe(12);
    expect([...values]).toEqual(ITEMS.flatMap(({ vec }) => vec));
  });

  it("of queries are found by their text, whatever the order of the rows, and what has none is counted", async () => {
    const first = await world(["vec"], ["vec"]);
    const data = {
      items: "FROM 'items.jsonl'",
      events: "FROM 'events.jsonl'",
      queries: "FROM 'queries.jsonl' ORDER BY query DESC",
    };
    const rows = { items: ITEMS, events: EVENTS, queries: QUERIES };
    const other = await load(rows, {
      ...OPTIONS,
      data,
      items: { embeddings: ["vec"] },
      queries: { embeddings: ["vec"] },
    });
    expect(other.raw.hash).toBe(first.raw.hash);
    const question = questionOf({ ...first.dataset.train, texts: ["words 7"], count: 1 }, first.dataset, 0);
    expect([...(question.embedding as Record<string, Float32Array>)["vec"]!]).toEqual(QUERIES[7]!.vec);
    expect(describeHeldOut(heldOutFacts(first.dataset))).toContain(
      "without a row in data.queries: 5 training texts and 0 held out; their other inputs stand for them",
    );
  });

  const item = (change: (vec: number[]) => unknown) =>
    load(
      { items: ITEMS.map(({ id, vec }, i) => ({ id, vec: i === 5 ? change([...vec]) : vec })), events: EVENTS },
      { items: { embeddings: ["vec"] } },
    );
  const wrong =
    "data.items: 1 row with something else in column vec (items.embeddings) than 12 finite numbers, as most";
  const badItems: [string, (vec: number[]) => unknown, string][] = [
    ["of another length", (vec) => vec.slice(1), wrong],
    ["of no numbers", () => [], wrong],
    ["of zeros", (vec) => vec.map(() => 0), wrong],
    ["with a NULL", (vec) => vec.with(2, null as never), `${wrong} rows have, not all of them 0 (row 6: "[`],
    ["beyond a float", (vec) => vec.with(9, 1e39), wrong],
    [
      "whose fault stands behind long numbers",
      (vec) => vec.map((x) => x + Math.PI / 1e9).with(9, 1.23456789e300),
      ', … 12 in all, 1.235e+300 at 10]")',
    ],
    ["too long to compute with", (vec) => vec.map((x) => 1e16 * x), "whose norm is not 1e-15 to 1e+15 (row 6: "],
    ["too short to compute with", (vec) => vec.map((x) => 1e-17 * x), "data.items: 1 row with a vector in column vec"],
    ["that is NULL", () => null, "data.items: 1 row with no vector in column vec (items.embeddings) (row 6: null)"],
  ];
  it.each(badItems)("are refused %s, by row", async (_, change, message) => {
    await expect(item(change)).rejects.toThrow(UserError);
    await expect(item(change)).rejects.toThrow(message);
  });

  const of15 = (value: string): string => `CASE WHEN id = 'i15' THEN ${value} ELSE x END`;
  const sql = (select: string) =>
    load(
      { items: ITEMS, events: EVENTS },
      { items: { embeddings: ["vec"] }, data: { items: select, events: "FROM 'events.jsonl'" } },
    );
  it.each([
    ["NaN", `SELECT id, list_transform(vec, lambda x: ${of15("'nan'::FLOAT")}) AS vec FROM 'items.jsonl'`, "nan"],
    [
      "infinity",
      `SELECT id, list_transform(vec, lambda x: ${of15("'-inf'::DOUBLE")}) AS vec FROM 'items.jsonl'`,
      "-Infinity",
    ],
    [
      "numbers of one column",
      "SELECT id, vec[1] AS vec FROM 'items.jsonl'",
      'got type DOUBLE; SQL that would do: ["vec"] AS "vec"',
    ],
    [
      "members of a struct",
      "SELECT id, {x: vec[1], y: vec[2]} AS vec FROM 'items.jsonl'",
      'got type STRUCT(x DOUBLE, y DOUBLE); SQL that would do: ["vec"."x", "vec"."y"] AS "vec"',
    ],
    ["bytes", "SELECT id, 'ab'::BLOB AS vec FROM 'items.jsonl'", "(items.embeddings), got type BLOB$"],
    ["lists in lists", "SELECT id, [vec] AS vec FROM 'items.jsonl'", "flatten"],
    ["words", "SELECT id, id AS vec FROM 'items.jsonl'", "no list of numbers in column vec"],
    [
      "too many numbers",
      "SELECT id, range(1, 4098) AS vec FROM 'items.jsonl'",
      "expected vectors of 1 to 4096 numbers in column vec (items.embeddings), got 4097",
    ],
    ["no column", "SELECT id FROM 'items.jsonl'", "expected column vec"],
  ])("are refused that are %s", async (_, select, message) => {
    await expect(sql(select)).rejects.toThrow(UserError);
    await expect(sql(select)).rejects.toThrow(new RegExp(message.replaceAll(/[()[\]"]/g, "\\$&"), "i"));
  });

  const queries = (rows: object[]) =>
    load(
      { items: ITEMS, events: EVENTS, queries: rows },
      { items: { embeddings: ["vec"] }, queries: { embeddings: ["vec"] } },
    );
  it.each([
    ["without a text", [{ query: null, vec: [1, 2] }], "data.queries: 1 row with no query (row 3: null)"],
    ["with a text twice", [{ query: "a", vec: [1, 2] }], 'data.queries: 1 row with repeated query (row 3: "a")'],
    [
      "of another length",
      [{ query: "c", vec: [1, 2, 3] }],
      "data.queries: 1 row with something else in column vec (queries.embeddings) than 2",
    ],
    ["without a vector", [{ query: "c", vec: null }], "data.queries: 1 row with no vector in column vec"],
  ])("of queries are refused %s", async (_, rows, message) => {
    const all = [{ query: "a", vec: [1, 2] }, { query: "b", vec: [3, 1] }, ...rows];
    await expect(queries(all)).rejects.toThrow(message);
  });

  it("of queries that no event asks by are refused", async () => {
    const asked = queries(EVENTS.map(({ query }) => ({ query: query.toUpperCase(), vec: [1, 2] })).slice(0, 1));
    await expect(asked).rejects.toThrow(
      'expected texts of events (column query, as "words 0"), letter for letter, got none of them, as "WORDS 0"',
    );
  });

  it("of queries are hardly trained on without events, which a line says", async () => {
    const { raw } = await load(
      { items: ITEMS, queries: QUERIES },
      { items: { text: ["id"], embeddings: ["vec"] }, queries: { embeddings: ["vec"] } },
    );
    expect(raw.report.notes).toContain(
      "data.queries: without data.events its vectors are hardly trained on, and their map stays near its start",
    );
  });

  it.each<[string, Partial<PoeemConfigInput>, string]>([
    [
      "columns without a table",
      { queries: { embeddings: ["v"] } },
      "queries.embeddings expected data.queries, got none",
    ],
    [
      "a table without columns",
      { data: { items: "-", events: "-", queries: "-" } },
      "data.queries expected queries.embeddings to name a column",
    ],
    [
      "an encoder of nothing",
      { queries: { encoder: "x" } },
      "queries.encoder expected queries.embeddings to name a column",
    ],
    [
      "a column twice",
      { items: { embeddings: ["v", "v"] } },
      'items.embeddings expected different columns, got "v" twice',
    ],
    [
      "a column for more",
      { items: { embeddings: ["v"], fields: ["v"] } },
      'items.embeddings and items.fields expected different columns, got "v" in both',
    ],
    [
      "the id",
      { items: { embeddings: ["id"] } },
      'items.embeddings and items.id expected different columns, got "id" in both',
    ],
    [
      "texts as vectors",
      { queries: { embeddings: ["query"] } },
      'queries.embeddings expected columns of vectors, got "query"',
    ],
    [
      "no texts",
      { data: { items: "-", events: "-", queries: "-" }, queries: { embeddings: ["v"] }, events: { user: "u" } },
      "queries.embeddings expected events.query to name a column",
    ],
  ])("are refused by the configuration: %s", async (_, config, message) => {
    await expect(load({ items: ITEMS, events: EVENTS }, config)).rejects.toThrow(message);
  });
});
