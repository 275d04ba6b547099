import { Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { matMul, takeRows } from "../src/model/ops.ts";

await useBackend("wasm");

const random = new Random(11);
const matrix = (rows: number, columns: number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    [rows, columns],
  );

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < actual.length; i++) expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThan(tolerance);
}

describe("matMul", () => {
  it("has the gradients of TensorFlow.js's own", () => {
    const [a, b] = [matrix(5, 3), matrix(3, 4)];
    const [ga, gb] = tf.grads((x, y) => tf.sum(tf.square(matMul(x as tf.Tensor2D, y as tf.Tensor2D))))([a, b]);
    const [ea, eb] = tf.grads((x, y) => tf.sum(tf.square(tf.matMul(x as tf.Tensor2D, y as tf.Tensor2D))))([a, b]);
    expectClose(ga!.dataSync(), ea!.dataSync(), 1e-4);
    expectClose(gb!.dataSync(), eb!.dataSync(), 1e-4);
  });
});

describe("takeRows", () => {
  it("gathers rows and adds the gradients of a row that was gathered twice", () => {
    const x = tf.tensor2d([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const weights = tf.tensor2d([
      [1, 10],
      [100, 1000],
      [7, 8],
    ]);
    const { value, grad } = tf.valueAndGrad((rows) =>
      tf.sum(tf.mul(takeRows(rows as tf.Tensor2D, [2, 0, 2]), weights)),
    )(x);
    expect(value.dataSync()[0]).toBe(5 + 60 + 100 + 2000 + 35 + 48);
    expect(grad.arraySync()).toEqual([
      [100, 1000],
      [0, 0],
      [8, 18],
    ]);
  });
});
