import { describe, expect, it } from "vitest";
import {
  createItemTower,
  dequantizeTable,
  type ItemContent,
  type ItemTowerWeights,
  l2Normalize,
  mlp,
  readItemTower,
  type Section,
  standardScore,
  textFeatures,
  writeItemTower,
} from "../src/index.ts";
import { DIM, floats, itemTower, textInput, VOCABULARY } from "./helpers.ts";

const [KNOWN, CATEGORY, NUMBERS] = [floats(2 * DIM, 20), floats(2 * DIM, 21), floats(2 * DIM, 22)];
const row = (rows: Float32Array, at: number): number[] => [...rows.subarray(at * DIM, (at + 1) * DIM)];
const times = (factor: number, vector: number[]): number[] => vector.map((value) => factor * value);

/** The sum of the inputs alone: no layers, no unit length. */
function sums(weightOfNew?: number): ItemTowerWeights {
  const [known, category, numbers] = itemTower().inputs;
  const text = { ...textInput(), ...(weightOfNew !== undefined && { weightOfNew }) };
  return { width: DIM, inputs: [known!, category!, numbers!, text], layers: [], skip: false, unit: false };
}

function bagOf(text: string): number[] {
  const { table, tokenizer } = textInput();
  const rows = dequantizeTable(table);
  const known = [...textFeatures(text, tokenizer)].map((hash) => VOCABULARY.indexOf(hash)).filter((at) => at >= 0);
  return Array.from({ length: DIM }, (_, d) => known.reduce((sum, at) => sum + rows[at * DIM + d]! / known.length, 0));
}

function expectSum(weights: ItemTowerWeights, item: ItemContent, ...parts: number[][]): void {
  const vector = createItemTower(weights).embed(item);
  expect(vector).toHaveLength(DIM);
  for (let d = 0; d < DIM; d++)
    expect(vector![d]).toBeCloseTo(
      parts.reduce((sum, part) => sum + part[d]!, 0),
      5,
    );
}

describe("an item tower", () => {
  it("adds the row of a known id", () => {
    expectSum(sums(), { id: "b" }, row(KNOWN, 1));
    expectSum(sums(), { id: "b", categories: ["color\tred"] }, row(KNOWN, 1), row(CATEGORY, 0));
  });

  it("adds the rows of categories, those it knows", () => {
    const categories = ["color\tred", "color\tgreen", "color\tblue"];
    expectSum(sums(), { id: "new", categories }, row(CATEGORY, 0), row(CATEGORY, 1));
  });

  it("adds the row of a number as often as it is deviations above the mean", () => {
    // price (16 − 10) / 4 = 1.5; year (1996 − 2000) / 8 = −0.5
    const numbers = { price: 16, year: 1996, other: 7 };
    expectSum(sums(), { id: "new", numbers }, times(1.5, row(NUMBERS, 0)), times(-0.5, row(NUMBERS, 1)));
    expectSum(sums(), { id: "new", numbers: { price: 16, year: Number.NaN } }, times(1.5, row(NUMBERS, 0)));
    expectSum(sums(), { id: "new", numbers: { year: 2008 } }, row(NUMBERS, 1));
  });

  it("adds the mean row of the words of a text, of a new item by the weight of new ones", () => {
    const bag = bagOf("red cake");
    expectSum(sums(), { id: "x", text: "red cake" }, bag);
    expectSum(sums(), { id: "x", text: "red cake", isNew: true }, bag);
    expectSum(sums(2.5), { id: "x", text: "red cake" }, bag);
    expectSum(sums(2.5), { id: "x", text: "red cake", isNew: false }, bag);
    expectSum(sums(2.5), { id: "x", text: "red cake", isNew: true }, times(2.5, bag));
    // of the text alone
    const categories = ["color\tred"];
    expectSum(sums(2.5), { id: "x", text: "red cake", isNew: true, categories }, times(2.5, bag), row(CATEGORY, 0));
    expect(createItemTower(sums(0)).embed({ id: "x", text: "red cake", isNew: true })).toBeUndefined();
  });

  it("sends the sum of all of them through its layers, to unit length", () => {
    const weights = itemTower();
    const item = { id: "a", categories: ["color\tblue"], numbers: { price: 12 }, text: "birthday" };
    const bag = bagOf("birthday");
    const sum = bag.map((value, d) => value + KNOWN[d]! + CATEGORY[DIM + d]! + 0.5 * NUMBERS[d]!);
    const output = mlp(weights.layers, sum, true);
    const tower = createItemTower(weights);
    expect(tower.dim).toBe(DIM);
    const vector = tower.embed(item)!;
    expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    for (const [d, value] of l2Normalize(output).entries()) expect(vector[d]).toBeCloseTo(value, 5);
    const plain = createItemTower({ ...weights, unit: false }).embed(item)!;
    for (const [d, value] of output.entries()) expect(plain[d]).toBeCloseTo(value, 5);
  });

  it("knows nothing of an item without anything that the training met", () => {
    const tower = createItemTower(itemTower());
    expect(tower.embed({ id: "new" })).toBeUndefined();
    const strange = { id: "new", categories: ["color\tgreen"], numbers: { price: 10, weight: 3 }, text: "!!!" };
    expect(tower.embed(strange)).toBeUndefined();
  });
});

describe("a standard score", () => {
  it.each([
    [16, 1.5],
    [10, 0],
    [9, -0.25],
    [Number.NaN, 0],
  ])("of %d among numbers of mean 10 and deviation 4 is %d", (value, expected) => {
    expect(standardScore(value, { mean: 10, deviation: 4 })).toBe(expected);
  });

  it("is in single precision", () => expect(standardScore(1, { mean: 0, deviation: 3 })).toBe(Math.fround(1 / 3)));
});

describe("bytes of an item tower", () => {
  const other: Section = { kind: "moments", settings: { count: 2 }, arrays: [floats(6, 30), Uint32Array.of(0, 1, 1)] };

  it.each([
    ["every input", itemTower()],
    ["a weight of new items, and not of unit length", sums(2.5)],
    ["one input", { ...itemTower(), inputs: itemTower().inputs.slice(1, 2) }],
  ])("are read as they were written: %s", (_, weights) => {
    expect(readItemTower(writeItemTower(weights))).toEqual({ weights, others: [] });
  });

  it("carry sections of others, for a reader that knows them", () => {
    const bytes = writeItemTower(itemTower(), [other]);
    expect(readItemTower(bytes, ["moments", "absent"])).toEqual({ weights: itemTower(), others: [other] });
    expect(() => readItemTower(bytes)).toThrow(
      '[pq-core] item tower: "section" expected one of known, hashed, category, number, text, embedding, layers, ' +
        "got moments",
    );
  });

  it("may have ids of any letters", () => {
    const known = { kind: "known" as const, names: ['🎂"', "é\u2028"], rows: KNOWN };
    const weights: ItemTowerWeights = { ...itemTower(), inputs: [known] };
    expect(readItemTower(writeItemTower(weights)).weights).toEqual(weights);
  });
});
