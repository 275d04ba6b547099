import { Random } from "@poeem/indexing-layer";
import type { Index } from "@poeem/pq-core";
import { type HistoryWeights, openQueryTower, type QueryTowerWeights, writeQueryTower } from "@poeem/towers";
import { describe, expect, it } from "vitest";
import { emptyLists, toCsr } from "../src/data/csr.ts";
import type { QuerySet } from "../src/data/types.ts";
import { queryEncoders } from "../src/evaluate/encoder.ts";
import { trainingLists } from "../src/evaluate/training-lists.ts";
import { sampleQueries } from "../src/rank/sample-queries.ts";

const dim = 4;
const random = new Random(4);
const numbers = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());
const items = numbers(6 * dim);
const history: HistoryWeights = {
  kind: "history",
  form: "mixture",
  length: 3,
  scale: 12,
  partition: {
    values: Int8Array.from({ length: 2 * dim }, (_, i) => 9 * i - 30),
    scales: numbers(2),
    bias: numbers(2),
  },
};
const mixture: QueryTowerWeights = { width: dim, inputs: [history], layers: [], skip: false };
const indexOf = (tower: QueryTowerWeights | undefined): Index =>
  ({ manifest: { dim }, queryTower: async () => tower && writeQueryTower(tower) }) as unknown as Index;
const queries: QuerySet = {
  count: 3,
  texts: [],
  users: ["a", "b", "c"],
  histories: toCsr([[0, 1, 2, 3, 4], [5], []]),
  contexts: emptyLists(3),
  relevant: toCsr([[5], [0, 1], [2]]),
};

const unknown = { contextNames: [], past: undefined };

describe("queries as vectors", () => {
  it("are what the query tower makes of a history's newest items, from the vectors that are searched", async () => {
    const { encode } = await queryEncoders(indexOf(mixture), queries, unknown, 1);
    const expected = openQueryTower(writeQueryTower(mixture)).embed({ history: items.slice(2 * dim, 5 * dim) });
    if (expected === undefined || expected instanceof Float32Array) throw new Error("expected a mixture");
    const encoded = encode(0, items)!;
    const { temperature, weights } = expected;
    expect(temperature).toBe(12);
    expect(encoded.vectors).toEqual(expected.vectors);
    expect(encoded.merge).toEqual({ by: "sumExp", temperature, weights, exact: false });
    expect(encode(0, items)).toBe(encoded);
    expect(
      encode(
        0,
        items.map((x) => -x),
      )?.vectors,
    ).not.toEqual(encoded.vectors);
    expect(encode(1, items)).toMatchObject({ vectors: { length: 1 }, merge: { weights: Float32Array.of(1) } });
    // nothing known, nothing asked
    expect(encode(2, items)).toBeUndefined();
  });

  it("need a query tower", async () => {
    await expect(queryEncoders(indexOf(undefined), queries, unknown, 1)).rejects.toThrow(/no query tower/);
  });

  it("of a mixture weigh a history by what they are ranked against", async () => {
    const past = { items: queries.relevant, user: Uint32Array.from([0, 1, 2]), length: new Uint32Array(3) };
    const { encode, encodeFor } = await queryEncoders(indexOf(mixture), queries, { ...unknown, past }, 1);
    const refitted = (await encodeFor(items))(0, items)!;
    expect(refitted.vectors).toEqual(encode(0, items)?.vectors);
    expect(refitted.merge).toMatchObject({ by: "sumExp", temperature: 12 });
    expect(refitted.merge).not.toEqual(encode(0, items)?.merge);
    // histories that are not at hand leave the tower as it is
    const without = await queryEncoders(indexOf(mixture), queries, unknown, 1);
    expect(await without.encodeFor(items)).toBe(without.encode);
  });
});

describe("the queries of an evaluation", () => {
  it("are spread evenly when there are more than wanted", () => {
    expect(sampleQueries(queries, 3)).toBe(queries);
    const two = sampleQueries(queries, 2);
    expect(two.users).toEqual(["a", "b"]);
    expect([...two.relevant.values]).toEqual([5, 0, 1]);
    expect([...two.histories.offsets]).toEqual([0, 5, 6]);
  });

  it("leave the baselines all training and validation events of each user, once", () => {
    const set = (users: string[], texts: string[], relevant: number[][]): QuerySet => ({
      count: relevant.length,
      texts,
      users,
      histories: emptyLists(relevant.length),
      contexts: emptyLists(relevant.length),
      relevant: toCsr(relevant),
    });
    const train = set(["a", "b", "a"], ["x", "x", "y"], [[1, 2], [3], [2, 4]]);
    const validation = set(["b", "c"], ["x", "z"], [[5], [1]]);
    const lists = trainingLists({ train, validation });
    expect([...lists.offsets]).toEqual([0, 3, 5, 6]);
    expect([...lists.values]).toEqual([1, 2, 4, 3, 5, 1]);
    const byText = trainingLists({ train: { ...train, users: [] }, validation: { ...validation, users: [] } });
    expect([...byText.values]).toEqual([1, 2, 3, 5, 2, 4, 1]);
  });
});
