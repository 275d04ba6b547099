import { describe, expect, it } from "vitest";
import {
  createQueryTower,
  dequantizeTable,
  l2Normalize,
  mlp,
  openQueryTower,
  type QueryTowerWeights,
  readQueryTower,
  textFeatures,
  writeQueryTower,
} from "../src/index.ts";
import { contextInput, DIM, floats, historyTower, textInput, textTower, VOCABULARY } from "./helpers.ts";

const WIDTH = 8;

/** The mean row of the known features, in plain loops. */
function bagOf(text: string, width: number): number[] {
  const { table, tokenizer } = textInput(width);
  const rows = dequantizeTable(table);
  const known = [...textFeatures(text, tokenizer)].map((hash) => VOCABULARY.indexOf(hash)).filter((row) => row >= 0);
  expect(known.length).toBeGreaterThan(2);
  return Array.from({ length: width }, (_, d) =>
    known.reduce((sum, row) => sum + rows[row * width + d]! / known.length, 0),
  );
}

describe("a tower of text", () => {
  it("gives unit vectors, equal to the sums written out", () => {
    const weights = textTower();
    const vector = createQueryTower(weights).embed({ text: "red cake" }) as Float32Array;
    expect(Math.hypot(...vector)).toBeCloseTo(1, 6);

    const bag = bagOf("red cake", WIDTH);
    const [first, last] = weights.layers;
    const hidden = Array.from({ length: 12 }, (_, o) =>
      Math.max(
        0,
        bag.reduce((sum, x, i) => sum + x * first!.weights[i * 12 + o]!, first!.bias[o]!),
      ),
    );
    const output = Array.from(
      { length: WIDTH },
      (_, o) => hidden.reduce((sum, x, i) => sum + x * last!.weights[i * WIDTH + o]!, last!.bias[o]!) + bag[o]!,
    );
    const norm = Math.hypot(...output);
    for (const [d, value] of output.entries()) expect(vector[d]).toBeCloseTo(value / norm, 5);
  });

  it.each(["", "!!!", "zzz"])("knows nothing of %j, in spite of the bias of its layers", (text) =>
    expect(createQueryTower(textTower()).embed({ text })).toBeUndefined(),
  );

  it("reads nothing but text", () => {
    const tower = createQueryTower(textTower());
    expect(tower.dim).toBe(WIDTH);
    expect(tower.reads).toEqual({
      ...{
        text: true,
        history: undefined,
        historyLength: 0,
        isOrdered: false,
        combines: false,
        contexts: [],
        embeddings: [],
      },
    });
    expect(tower.mixture).toBeUndefined();
    const history = floats(2 * WIDTH, 1);
    const both = tower.embed({ text: "red cake", history, context: { device: "desk" } });
    expect(both).toEqual(tower.embed({ text: "red cake" }));
    expect(tower.embed({ history, context: { device: "desk" } })).toBeUndefined();
    expect(tower.embed({})).toBeUndefined();
  });

  it("says that it reads no text when it knows no feature", () => {
    const none = {
      embeddingDim: WIDTH,
      hashes: new Uint32Array(0),
      scales: new Float32Array(0),
      values: new Int8Array(0),
    };
    const tower = createQueryTower({ ...textTower(), inputs: [{ ...textInput(WIDTH), table: none }] });
    expect(tower.reads.text).toBe(false);
    expect(tower.embed({ text: "red cake" })).toBeUndefined();
  });
});

describe("the parts of a query", () => {
  const weights = historyTower("mean");
  const tower = createQueryTower(weights);
  const history = floats(2 * DIM, 8);

  it("are added up before the layers", () => {
    const bag = bagOf("red cake", DIM);
    const { rows } = contextInput();
    const sum = bag.map(
      (value, d) => value + (history[d]! + history[DIM + d]!) / 2 + rows[DIM + d]! + rows[2 * DIM + d]!,
    );
    const expected = l2Normalize(mlp(weights.layers, sum, true));
    const vector = tower.embed({
      text: "red cake",
      history,
      context: { device: "desk", page: "home" },
    }) as Float32Array;
    for (const [d, value] of expected.entries()) expect(vector[d]).toBeCloseTo(value, 5);
  });

  it("do not depend on the order of the inputs in the weights", () => {
    const turned = createQueryTower({ ...weights, inputs: [...weights.inputs].reverse() });
    const query = { text: "red cake", history, context: { device: "desk" } };
    expect(turned.embed(query)).toEqual(tower.embed(query));
  });

  it("count for nothing where the training did not meet them", () => {
    const known = { text: "red cake", context: { device: "desk" } };
    const expected = tower.embed(known);
    expect(tower.embed({ text: "red cake", context: { device: "desk", page: "unseen", other: "x" } })).toEqual(
      expected,
    );
    expect(tower.embed({ ...known, history: new Float32Array(0) })).toEqual(expected);
    expect(tower.embed({ context: { device: "unseen" } })).toBeUndefined();
  });

  it("give vectors that are not of unit length where the tower says so", () => {
    const plain = createQueryTower({ ...weights, unit: false });
    const vector = plain.embed({ text: "red cake" }) as Float32Array;
    const expected = mlp(weights.layers, bagOf("red cake", DIM), true);
    for (const [d, value] of expected.entries()) expect(vector[d]).toBeCloseTo(value, 5);
    const unit = tower.embed({ text: "red cake" }) as Float32Array;
    for (const [d, value] of l2Normalize(vector).entries()) expect(unit[d]).toBeCloseTo(value, 6);
  });
});

describe("bytes of a tower", () => {
  const towers: [string, QueryTowerWeights][] = [
    ["text", textTower()],
    ["no text, not of unit length", { width: DIM, inputs: [contextInput()], layers: [], skip: false, unit: false }],
    ["a mixture", historyTower("mixture")],
    ["a tilted mixture", historyTower("mixture", 3, 0.4)],
    ["text, mean and context", historyTower("mean")],
    ["text, attention and context", historyTower("attention")],
  ];
  it.each(towers)("are read as they were written, bit for bit: %s", (_, weights) => {
    const bytes = writeQueryTower(weights);
    expect(readQueryTower(bytes)).toEqual(weights);
    expect(writeQueryTower(readQueryTower(bytes))).toEqual(bytes);
    const history = floats(5 * DIM, 8);
    expect(openQueryTower(bytes).embed({ history })).toEqual(createQueryTower(weights).embed({ history }));
  });

  it("are what an opened tower computes with, not copies, where they are aligned", () => {
    const bytes = writeQueryTower(textTower());
    const tower = openQueryTower(bytes);
    const weights = readQueryTower(bytes);
    expect(tower.embed({ text: "Kuchen" })).toBeDefined();
    bytes.fill(0);
    expect(tower.embed({ text: "Kuchen" })).toBeUndefined();
    expect(weights).toEqual(textTower());
  });

  it("are all that it takes but for the names of rows", () => {
    expect(openQueryTower(writeQueryTower(textTower())).heapBytes).toBe(0);
    const names = Array.from({ length: 1000 }, (_, i) => `device\t${i}`);
    const inputs = [{ kind: "context" as const, names, rows: floats(1000 * DIM, 3) }];
    const bytes = writeQueryTower({ width: DIM, inputs, layers: [], skip: false });
    expect(openQueryTower(bytes).heapBytes).toBe(150_000);
  });

  it("may start anywhere", () => {
    const weights = textTower();
    const bytes = writeQueryTower(weights);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const query = { text: "Kuchen" };
    expect(openQueryTower(shifted.subarray(3)).embed(query)).toEqual(createQueryTower(weights).embed(query));
  });

  it("may be a Node Buffer, whose slice() is a view", () => {
    const buffer = Buffer.from(writeQueryTower(textTower()));
    const read = readQueryTower(buffer);
    expect(read).toEqual(textTower());
    buffer.fill(0);
    expect(read).toEqual(textTower());
  });
});
