import { FormatError, InputError } from "@poeem/pq-core";
import { describe, expect, it } from "vitest";
import {
  createItemTower,
  createQueryTower,
  type EmbeddingColumn,
  type EmbeddingWeights,
  embeddingMap,
  type ItemTowerWeights,
  l2Normalize,
  type QueryTowerWeights,
  quantizeRows,
  readItemTower,
  readQueryTower,
  writeItemTower,
  writeQueryTower,
} from "../src/index.ts";
import { type AnyHeader, contextInput, DIM, edited, floats, historyInput, textInput } from "./helpers.ts";

const LENGTH = 6;
const FLOAT: EmbeddingColumn = {
  ...{ name: "vec", encoder: "@cf/baai/bge-m3", length: LENGTH },
  map: { values: floats(LENGTH * DIM, 40), bias: floats(DIM, 41) },
};
const INT8: EmbeddingColumn = {
  ...{ name: "picture", length: 3 },
  map: { ...quantizeRows(floats(3 * DIM, 42), DIM), bias: floats(DIM, 43) },
};
const IDENTITY: EmbeddingColumn = { name: "own", length: DIM, map: undefined };

const section = (...columns: EmbeddingColumn[]): EmbeddingWeights => ({ kind: "embedding", columns });

/** The sum alone: no layers, no unit length. */
function sums(...columns: EmbeddingColumn[]): QueryTowerWeights {
  return { width: DIM, inputs: [section(...columns)], layers: [], skip: false, unit: false };
}

const both = { embedding: { vec: floats(LENGTH, 50), picture: floats(3, 51) } };
const versionOf = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);

/** The definition: the bias and the map of the vector at length 1. */
function mapped({ length, map }: EmbeddingColumn, vector: Float32Array): number[] {
  const { values, scales, bias } = map!;
  const norm = Math.hypot(...vector);
  return Array.from(bias, (start, d) =>
    Array.from({ length }, (_, i) => (vector[i]! / norm) * (scales?.[i] ?? 1) * values[i * DIM + d]!).reduce(
      (sum, part) => sum + part,
      start,
    ),
  );
}

function expectClose(got: ArrayLike<number> | undefined, wanted: ArrayLike<number>): void {
  expect(got).toHaveLength(wanted.length);
  for (let d = 0; d < wanted.length; d++) expect(got![d]).toBeCloseTo(wanted[d]!, 5);
}

describe("an embedding", () => {
  const embed = (weights: QueryTowerWeights, query: object) => createQueryTower(weights).embed(query) as Float32Array;

  it.each([
    ["floats", FLOAT, floats(LENGTH, 50)],
    ["int8", INT8, floats(3, 51)],
  ])("goes through a map of %s, whatever its length", (_, column, vector) => {
    const wanted = mapped(column, vector);
    expectClose(embed(sums(column), { embedding: vector }), wanted);
    expectClose(embed(sums(column), { embedding: vector.map((x) => 1e30 * x) }), wanted);
    expectClose(embed(sums(column), { embedding: { [column.name]: vector.map((x) => 1e-30 * x) } }), wanted);
  });

  it("is itself for the identity, at length 1 or as it is", () => {
    const vector = Float32Array.of(3, 0, 0, -4);
    expectClose(embed(sums(IDENTITY), { embedding: vector }), [0.6, 0, 0, -0.8]);
    expectClose(embed(sums({ ...IDENTITY, unit: false }), { embedding: vector }), vector);
  });

  it("of several columns is their sum; one that is not given counts for nothing", () => {
    const parts = [mapped(FLOAT, both.embedding.vec), mapped(INT8, both.embedding.picture)];
    const wanted = parts[0]!.map((value, d) => value + parts[1]![d]!);
    expectClose(embed(sums(FLOAT, INT8), both), wanted);
    expectClose(embed(sums(FLOAT, INT8), { embedding: { picture: both.embedding.picture } }), parts[1]!);
    expect(embed(sums(FLOAT, INT8), { embedding: {} })).toBeUndefined();
  });

  it("goes with text, context and history, and with the content of items", () => {
    const inputs = [textInput(), historyInput("mean"), contextInput(), ...sums(FLOAT).inputs];
    const weights: QueryTowerWeights = { ...sums(), inputs, unit: true };
    const rest = { text: "red cake", context: { device: "desk" }, history: floats(2 * DIM, 52) };
    const all = embed({ ...weights, unit: false }, { ...rest, embedding: both.embedding.vec });
    const without = embed({ ...weights, unit: false }, rest);
    expectClose(
      all,
      mapped(FLOAT, both.embedding.vec).map((value, d) => value + without[d]!),
    );
    expectClose(embed(weights, { ...rest, embedding: both.embedding.vec }), l2Normalize(all));
    const item: ItemTowerWeights = { ...sums(), inputs: [section(FLOAT, INT8), textInput()] };
    expectClose(createItemTower(item).embed({ id: "new", ...both }), embed(sums(FLOAT, INT8), both));
  });

  it("is what a tower says it reads", () => {
    const { reads, parts } = createQueryTower(sums(FLOAT, INT8));
    expect(parts).toEqual(["embedding"]);
    expect(reads).toMatchObject({ text: false, history: undefined, contexts: [] });
    expect(reads.embeddings).toEqual([
      { name: "vec", encoder: "@cf/baai/bge-m3", length: LENGTH },
      { name: "picture", encoder: undefined, length: 3 },
    ]);
  });

  it("whose length counts is refused where it is too long to be searched by", () => {
    const ask = () => embed(sums({ ...IDENTITY, unit: false }), { embedding: Float32Array.of(0, 3e37, 0, -4e37) });
    expect(ask).toThrow(InputError);
    const detail = "expected a vector of a length (norm) of at most 1000000000000000000, got 5.00e+37";
    expect(ask).toThrow(expect.objectContaining({ parameter: "embedding", detail }));
  });

  const bad = (at: number, value: number): Float32Array => floats(LENGTH, 50).fill(value, at, at + 1);
  const reader = " (the model of this index reads vectors of @cf/baai/bge-m3)";
  const refused: [string, object, string, string][] = [
    ["too short", floats(5, 1), "embedding", `expected ${LENGTH} numbers, got 5${reader}`],
    ["too long", floats(7, 1), "embedding", `expected ${LENGTH} numbers, got 7${reader}`],
    ["of no numbers", floats(0, 1), "embedding", `expected ${LENGTH} numbers, got 0${reader}`],
    ["with NaN", bad(2, Number.NaN), "embedding", `expected finite numbers, got NaN at 3${reader}`],
    ["with infinity", bad(0, -Infinity), "embedding", `expected finite numbers, got -Infinity at 1${reader}`],
    ["all zero", new Float32Array(LENGTH), "embedding", `expected a number other than 0, got zeros alone${reader}`],
    ["of another column", { sound: floats(6, 1) }, "embedding.sound", "is unknown; the model of this index reads vec"],
  ];
  it.each(refused)("is refused %s", (_, embedding, parameter, detail) => {
    const ask = () => createQueryTower(sums(FLOAT)).embed({ embedding: embedding as Float32Array });
    expect(ask).toThrow(InputError);
    expect(ask).toThrow(expect.objectContaining({ parameter, detail }));
    if (parameter !== "embedding") return;
    const named = () => createQueryTower(sums(FLOAT, INT8)).embed({ embedding: { vec: embedding as Float32Array } });
    expect(named).toThrow(expect.objectContaining({ parameter: "embedding.vec", detail }));
  });

  it("without a name is refused by a tower of several columns", () => {
    expect(() => createQueryTower(sums(FLOAT, INT8)).embed({ embedding: floats(LENGTH, 1) })).toThrow(
      new InputError("embedding", "expected a vector for each of vec, picture, got one of no name"),
    );
  });
});

describe("a map of embeddings", () => {
  it("travels as floats where they are few, else as int8 near to them", () => {
    const few = floats(64 * DIM, 60);
    expect(embeddingMap(few, floats(DIM, 61))).toEqual({ values: few, bias: floats(DIM, 61) });
    const many = floats(4096 * 8, 62);
    const { values, scales, bias } = embeddingMap(many, floats(8, 63));
    expect(bias).toEqual(floats(8, 63));
    const errors = many.map((value, i) => Math.abs(value - scales![i >> 3]! * values[i]!));
    expect(Math.max(...errors)).toBeLessThan(0.5 / 254 + 1e-6);
  });
});

describe("bytes of a tower with embeddings", () => {
  const QUERY = writeQueryTower(sums(FLOAT, INT8, IDENTITY));
  const but = (change: (section: AnyHeader) => unknown): Uint8Array =>
    edited(QUERY, ({ sections }) => void change(sections[0]));
  const column = (at: number, changes: object): Uint8Array =>
    but(({ settings }) => Object.assign(settings.columns[at], changes));

  it("are read as they were written, by readers of version 7", () => {
    const weights = sums(FLOAT, INT8, { ...IDENTITY, unit: false });
    const bytes = writeQueryTower(weights);
    expect(versionOf(bytes)).toBe(7);
    expect(readQueryTower(bytes)).toEqual(weights);
    const item: ItemTowerWeights = { ...sums(), inputs: [section(FLOAT, INT8)] };
    expect(versionOf(writeItemTower(item))).toBe(7);
    expect(readItemTower(writeItemTower(item)).weights).toEqual(item);
    expect(versionOf(writeQueryTower({ ...sums(), inputs: [textInput()] }))).toBe(4);
  });

  const NAME = '"embedding.name" expected a name, got';
  const refused: [string, Uint8Array, string][] = [
    ["no list of columns", but((s) => (s.settings.columns = 5)), '"embedding.columns" expected 1 to 16 columns, got 5'],
    [
      "no columns",
      but((s) => (s.settings.columns = [])),
      '"embedding.columns" expected 1 to 16 columns, got a list of 0',
    ],
    ["too many columns", but((s) => (s.settings.columns = new Array(17))), "1 to 16 columns, got a list of 17"],
    [
      "a column that is none",
      but((s) => (s.settings.columns[0] = null)),
      '"embedding.columns" expected an object each',
    ],
    ["a name twice", column(1, { name: "vec" }), '"embedding.columns" expected different names, got a name twice'],
    ["no name", column(0, { name: "" }), NAME],
    ["a name of a number", column(0, { name: 5 }), `${NAME} 5`],
    ["an encoder of no name", column(0, { encoder: "" }), '"embedding.encoder" expected a text of up to 200 letters'],
    [
      "an encoder of a number",
      column(0, { encoder: 3 }),
      '"embedding.encoder" expected a text of up to 200 letters, got 3',
    ],
    ["a long encoder", column(0, { encoder: "x".repeat(201) }), '"embedding.encoder" expected a text of up to 200'],
    ["a length of 0", column(0, { length: 0 }), '"embedding.length" expected an integer in 1…4096, got 0'],
    ["half a number", column(0, { length: 1.5 }), '"embedding.length" expected an integer in 1…4096, got 1.5'],
    ["a huge length", column(0, { length: 4097 }), '"embedding.length" expected an integer in 1…4096, got 4097'],
    ["another length", column(0, { length: 5 }), '"embedding[0]" expected f32 of length 20, got f32 of length 24'],
    ["another length of int8", column(1, { length: 2 }), '"embedding[2]" expected i8 of length 8, got i8 of length 12'],
    ["an identity of another length", column(2, { length: 5 }), '"embedding.length" expected 4, the width of the sum'],
    ["a unit of true", column(0, { unit: true }), '"embedding.unit" expected false or none, got true'],
    ["a map of no kind", column(0, { map: "f64" }), '"embedding.map" expected identity, f32 or i8, got f64'],
    ["a map that any object has", column(0, { map: "toString" }), '"embedding.map" expected identity, f32 or i8'],
    ["int8 for floats", column(0, { map: "i8" }), '"embedding[0]" expected i8 of length 24, got f32 of length 24'],
    ["an identity with a map", column(0, { map: "identity", length: 4 }), '"embedding[0]" expected i8 of length 12'],
    [
      "a map too many",
      but((s) => s.settings.columns.pop() && s.settings.columns.pop()),
      '"embedding.arrays" expected 2',
    ],
    ["a map too few", column(2, { map: "f32" }), '"embedding[5]" expected f32 of length 16, got nothing'],
  ];
  it.each(refused)("are refused with %s", (_, bytes, message) => {
    expect(() => readQueryTower(bytes)).toThrow(FormatError);
    expect(() => readQueryTower(bytes)).toThrow(message);
  });

  it("are not written with NaN, nor with more numbers than a reader takes", () => {
    const map = { values: floats(LENGTH * DIM, 40).fill(Number.NaN, 3, 4), bias: floats(DIM, 41) };
    expect(() => writeQueryTower(sums({ ...FLOAT, map }))).toThrow('"weights" expected finite numbers');
    const long = { values: floats(4097 * DIM, 40), bias: floats(DIM, 41) };
    expect(() => writeQueryTower(sums({ name: "vec", length: 4097, map: long }))).toThrow("an integer in 1…4096");
  });
});
