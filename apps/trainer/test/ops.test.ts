import { Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { useBackend } from "../src/backend.ts";
import { inBatchSoftmaxLoss, l2NormalizeRows, MASKED, matMul } from "../src/model/ops.ts";

await useBackend("wasm");

const random = new Random(11);
const matrix = (rows: number, columns: number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    [rows, columns],
  );

/** Central differences of a scalar function, one input entry at a time. */
async function numericGradient(f: (x: tf.Tensor2D) => tf.Scalar, x: tf.Tensor2D, step = 1e-2): Promise<number[]> {
  const values = Float32Array.from(await x.data());
  const at = (i: number, delta: number): number => {
    const moved = Float32Array.from(values);
    moved[i]! += delta;
    return tf.tidy(() => f(tf.tensor2d(moved, x.shape)).dataSync()[0]!);
  };
  return Array.from(values, (_, i) => (at(i, step) - at(i, -step)) / (2 * step));
}

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

describe("inBatchSoftmaxLoss", () => {
  const n = 4;
  const mask = tf.tensor2d([0, MASKED, 0, 0, 0, 0, 0, 0, 0, 0, 0, MASKED, 0, 0, 0, 0], [n, n]);
  const logQ = tf.tensor2d([0.3, -0.2, 0, 0.5], [1, n]);
  const scale = 5;

  it("is the cross-entropy over the candidates that are kept, written out", () => {
    const [q, v] = [l2NormalizeRows(matrix(n, 3)), l2NormalizeRows(matrix(n, 3))];
    const [qs, vs] = [q.arraySync(), v.arraySync()];
    const [ks, ls] = [mask.arraySync(), logQ.arraySync()[0]!];
    let expected = 0;
    for (let i = 0; i < n; i++) {
      const logits = vs.map((row, j) => scale * row.reduce((sum, x, d) => sum + x * qs[i]![d]!, 0) - ls[j]!);
      const total = logits.reduce((sum, logit, j) => sum + Math.exp(logit + ks[i]![j]!), 0);
      expected += (Math.log(total) - logits[i]!) / n;
    }
    expect(inBatchSoftmaxLoss(q, v, mask, logQ, scale).dataSync()[0]).toBeCloseTo(expected, 4);
  });

  it("has the gradient that differences show, for queries and items", async () => {
    const [q, v] = [l2NormalizeRows(matrix(n, 3)), l2NormalizeRows(matrix(n, 3))];
    const [gq, gv] = tf.grads((x, y) => inBatchSoftmaxLoss(x as tf.Tensor2D, y as tf.Tensor2D, mask, logQ, scale))([
      q,
      v,
    ]);
    expectClose(gq!.dataSync(), await numericGradient((x) => inBatchSoftmaxLoss(x, v, mask, logQ, scale), q), 5e-3);
    expectClose(gv!.dataSync(), await numericGradient((x) => inBatchSoftmaxLoss(q, x, mask, logQ, scale), v), 5e-3);
  });
});
