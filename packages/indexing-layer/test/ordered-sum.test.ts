import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { orderedSum, planSums, Random, type RowLists, transposedLists } from "../src/index.ts";
import { runOn } from "./backends.ts";

/** Lists of lengths that are drawn, some empty, some much longer than others. */
function drawLists(count: number, rows: number, longest: number, random: Random): RowLists {
  const ends = new Uint32Array(count);
  const own: number[] = [];
  for (let i = 0; i < count; i++) {
    const length = Math.floor(longest ** random.uniform() - random.uniform());
    for (let j = 0; j < length; j++) own.push(random.integer(rows));
    ends[i] = own.length;
  }
  return { ends, rows: Uint32Array.from(own), weights: Float32Array.from(own, () => random.normal()) };
}

function bySumming(x: Float32Array, dim: number, { ends, rows, weights }: RowLists): number[] {
  const out = new Array<number>(ends.length * dim).fill(0);
  for (let list = 0, at = 0; list < ends.length; list++)
    for (; at < ends[list]!; at++)
      for (let d = 0; d < dim; d++) out[list * dim + d]! += (weights?.[at] ?? 1) * x[rows[at]! * dim + d]!;
  return out;
}

async function valuesOf(x: Float32Array, dim: number, lists: RowLists): Promise<number[]> {
  const sums = tf.tidy(() => orderedSum(tf.tensor2d(x, [x.length / dim, dim]), planSums(lists)));
  expect(sums.shape).toEqual([lists.ends.length, dim]);
  const values = Array.from(await sums.data());
  sums.dispose();
  return values;
}

describe.each(["cpu", "wasm", "tensorflow", "webgpu"] as const)("orderedSum on %s", (place) => {
  runOn(place);
  const random = new Random(7);
  const dim = 3;
  const x = Float32Array.from({ length: 40 * dim }, () => random.normal());

  it.each([1, 2, 3, 9, 70, 3000])("sums lists of up to %i rows", async (longest) => {
    for (let i = 0; i < 10; i++) {
      const lists = drawLists(1 + random.integer(60), 40, longest, random);
      for (const of of [lists, { ...lists, weights: undefined }]) {
        const [values, expected] = [await valuesOf(x, dim, of), bySumming(x, dim, of)];
        for (const [at, value] of expected.entries()) expect(values[at]).toBeCloseTo(value, 3);
      }
    }
  });

  it("gives zeros for lists that are all empty, and nothing for none", async () => {
    expect(await valuesOf(x, dim, { ends: new Uint32Array(2), rows: new Uint32Array(0) })).toEqual(Array(6).fill(0));
    expect(await valuesOf(x, dim, { ends: new Uint32Array(0), rows: new Uint32Array(0) })).toEqual([]);
  });

  it("is the transposed of itself: ⟨sums(x), y⟩ = ⟨x, transposed sums(y)⟩", async () => {
    const lists = drawLists(50, 40, 200, random);
    const y = Float32Array.from({ length: 50 * dim }, () => random.normal());
    const there = await valuesOf(x, dim, lists);
    const back = await valuesOf(y, dim, transposedLists(lists, 40));
    const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i]!, 0);
    expect(dot(there, y)).toBeCloseTo(dot(x, back), 2);
  });
});
