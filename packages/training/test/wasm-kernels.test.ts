import { Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";

const random = new Random(4);
const matrix = (rows: number, columns: number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    [rows, columns],
  );

describe("the kernels that replace those of the wasm backend", () => {
  beforeAll(async () => {
    await useBackend("wasm");
  });

  it("transpose matrices of any shape", async () => {
    for (const [n, m] of [
      [1, 1],
      [1, 70],
      [33, 32],
      [64, 100],
      [97, 31],
    ] as const) {
      const x = matrix(n, m);
      const [values, turned] = [await x.data(), await tf.transpose(x).data()];
      const expected = new Float32Array(n * m);
      for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) expected[j * n + i] = values[i * m + j]!;
      expect(turned).toEqual(expected);
    }
    // what is no matrix is left to the original
    const cube = tf.range(0, 24).reshape([2, 3, 4]);
    expect(((await tf.transpose(cube, [0, 2, 1]).array()) as number[][][])[1]![3]).toEqual([15, 19, 23]);
  });

  it("gather rows, also repeated, by indices of any shape", async () => {
    const table = matrix(7, 5);
    const rows = (await table.array()) as number[][];
    const picked = tf.tensor2d([6, 0, 0, 3], [2, 2], "int32");
    expect(await tf.gather(table, picked).array()).toEqual([
      [rows[6], rows[0]],
      [rows[0], rows[3]],
    ]);
    expect(() => tf.gather(table, tf.tensor1d([7], "int32"))).toThrow(/7/);
    expect(() => tf.gather(table, tf.tensor1d([-1], "int32"))).toThrow(/-1/);
    // along the other axis the original serves
    expect(((await tf.gather(table, tf.tensor1d([4], "int32"), 1).array()) as number[][])[2]).toEqual([rows[2]![4]]);
  });

  it("sum the rows of matrices, and leave other sums to the original", async () => {
    for (const [n, m] of [
      [1, 1],
      [1000, 3],
      [5, 70],
    ] as const) {
      const x = matrix(n, m);
      const values = await x.data();
      const sums = Array.from({ length: m }, (_, j) => {
        let sum = 0;
        for (let i = 0; i < n; i++) sum += values[i * m + j]!;
        return Math.fround(sum);
      });
      expect(await tf.sum(x, 0).array()).toEqual(sums);
      expect(await tf.sum(x, 0, true).array()).toEqual([sums]);
      expect(await tf.sum(x, [-2]).array()).toEqual(sums);
    }
    const cube = tf.range(0, 24).reshape([2, 3, 4]);
    expect(((await tf.sum(cube, 0).array()) as number[][])[2]).toEqual([28, 30, 32, 34]);
    expect(await tf.sum(tf.tensor2d([1, 2, 3, 4], [2, 2]), 1).array()).toEqual([3, 7]);
    expect(await tf.sum(tf.tensor2d([1, 2, 3, 4], [2, 2])).array()).toBe(10);
    expect(await tf.sum(tf.tensor2d([1, 2, 3, 4], [2, 2], "int32"), 0).array()).toEqual([4, 6]);
  });

  it("share the numbers of a clone until both are gone", async () => {
    const before = tf.memory();
    const x = matrix(3, 3);
    const values = Float32Array.from(await x.data());
    const clone = tf.clone(x);
    x.dispose();
    expect(await clone.data()).toEqual(values);
    const variable = tf.variable(clone);
    variable.assign(tf.tidy(() => tf.add(clone, 1)));
    expect(await clone.data()).toEqual(values);
    expect(await variable.data()).toEqual(values.map((value) => value + 1));
    tf.dispose([clone, variable]);
    expect(tf.memory().numDataBuffers).toBeLessThanOrEqual(before.numDataBuffers + 1);
  });
});
