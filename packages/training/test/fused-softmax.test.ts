import { Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { toCsr } from "../src/data/csr.ts";
import { hasFusedSoftmax } from "../src/model/fused-softmax.ts";
import { mixtureInTensors, mixtureSoftmaxLoss } from "../src/model/mixture-loss.ts";
import { candidateSoftmaxLoss, candidatesInTensors } from "../src/train/objectives/candidate-softmax.ts";

const random = new Random(6);
/** Unit rows, as towers give them. */
function unitRows(rows: number, dim: number): tf.Tensor2D {
  const values = Array.from({ length: rows }, () => Array.from({ length: dim }, () => random.normal()));
  return tf.tensor2d(values.map((row) => row.map((x) => x / Math.hypot(...row))));
}

/** Largest difference, relative to the largest number. */
function difference(actual: tf.Tensor, expected: tf.Tensor): number {
  const [a, b] = [actual.dataSync<"float32">(), expected.dataSync<"float32">()];
  expect(actual.shape).toEqual(expected.shape);
  const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  expect(largest).toBeGreaterThan(0);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) / largest;
}

describe("losses by the kernel and by tensors on one batch", () => {
  beforeAll(async () => {
    await useBackend("wasm");
    expect(hasFusedSoftmax(1), "npm run build -w @poeem/training").toBe(true);
  });

  it("agree for a mixture within the rounding of single precision, and leave no tensor behind", () => {
    const [groups, places, count, dim, scale] = [12, 8, 333, 32, 20];
    const inputs = [unitRows(groups * places, dim), unitRows(count, dim), unitRows(groups, places)] as const;
    const lists = {
      targets: toCsr(Array.from({ length: groups }, (_, g) => [g * 3, 100 + g, 332])),
      masked: toCsr(Array.from({ length: groups * places }, (_, row) => [200 + row])),
      logQ: Float32Array.from({ length: count }, () => random.normal()),
    };
    const before = tf.memory().numTensors;
    const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => {
      const [q, v, w] = args as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
      return mixtureSoftmaxLoss(q, v, w, lists, scale);
    })([...inputs]);
    const expected = mixtureInTensors(...inputs, lists, scale);
    expect(difference(value, expected.loss)).toBeLessThan(2e-6);
    for (const [i, gradient] of grads.entries())
      expect(difference(gradient, expected.gradients[i]!)).toBeLessThan(2e-5);
    tf.dispose([value, grads, expected.loss, expected.gradients]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("agree for queries with one right candidate each, with a teacher and without", () => {
    const [n, count, dim] = [100, 130, 32];
    const queries = unitRows(n, dim);
    const candidates = unitRows(count, dim);
    const logScale = tf.scalar(Math.log(20));
    const competition = {
      masked: toCsr(Array.from({ length: n }, (_, i) => (i % 3 === 0 ? [(i + 1) % n, count - 1] : []))),
      logQ: Float32Array.from({ length: count }, () => random.normal()),
    };
    for (const teacher of [undefined, { candidates: unitRows(count, dim), weight: 0.25 }]) {
      const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => {
        const [q, v, s] = args as [tf.Tensor2D, tf.Tensor2D, tf.Scalar];
        return candidateSoftmaxLoss(q, v, competition, s, teacher).total;
      })([queries, candidates, logScale]);
      const expected = candidatesInTensors(queries, candidates, competition, logScale, teacher);
      const { ranking } = candidateSoftmaxLoss(queries, candidates, competition, logScale, teacher);
      expect(difference(value, expected.total)).toBeLessThan(2e-6);
      expect(difference(ranking, expected.ranking)).toBeLessThan(2e-6);
      expect(difference(grads[0]!, expected.dQueries)).toBeLessThan(2e-5);
      expect(difference(grads[1]!, expected.dCandidates)).toBeLessThan(2e-5);
      expect(difference(grads[2]!, tf.sum(tf.mul(queries, expected.dQueries)))).toBeLessThan(2e-5);
    }
  });
});
