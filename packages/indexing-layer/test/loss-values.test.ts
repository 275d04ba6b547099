import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { IndexingLayer, inBatchSoftmaxLoss, routingLoss } from "../src/index.ts";
import { runOn, SIMULATED } from "./backends.ts";
import { clustered, normals } from "./helpers.ts";

/** The losses as plain loops: what they mean, next to what the backend computes. */
const n = 5;
const dim = 4;
const queries = normals(n * dim, 1);
const items = normals(n * dim, 2);
const quantized = normals(n * dim, 3);
const matrix = (values: Float32Array, rows: number) => tf.tensor2d(values, [rows, dim]);

function scores(a: Float32Array, b: Float32Array, scale: number): number[][] {
  const rows = (x: Float32Array) => Array.from({ length: x.length / dim }, (_, i) => x.slice(i * dim, (i + 1) * dim));
  return rows(a).map((q) => rows(b).map((x) => scale * q.reduce((sum, value, d) => sum + value * x[d]!, 0)));
}

function softmax(row: number[]): number[] {
  const total = row.reduce((sum, value) => sum + Math.exp(value), 0);
  return row.map((value) => Math.exp(value) / total);
}

for (const place of ["wasm", "cpu", ...SIMULATED, "tensorflow"] as const) {
  describe(`values on ${place} equal the plain loops`, () => {
    runOn(place);

    it("of the in-batch softmax", () => {
      const asked = queries.slice(0, 3 * dim);
      let expected = 0;
      scores(asked, items, 2).forEach((row, i) => {
        expected -= 0.5 * Math.log(softmax(row)[i]!);
      });
      const got = inBatchSoftmaxLoss(matrix(asked, 3), matrix(items, n), 2, 0.5);
      expect(got.dataSync()[0]!).toBeCloseTo(expected, 4);
    });

    it("of the in-batch softmax with a teacher", () => {
      const teacher = scores(queries, items, 2).map(softmax);
      const student = scores(queries, quantized, 2).map(softmax);
      let expected = 0;
      teacher.forEach((row, i) => {
        row.forEach((p, j) => {
          expected -= 0.5 * (0.3 * p + (i === j ? 1 : 0)) * Math.log(student[i]![j]!);
        });
      });
      const distils = { candidates: matrix(items, n), weight: 0.3 };
      const got = inBatchSoftmaxLoss(matrix(queries, n), matrix(quantized, n), 2, 0.5, distils);
      expect(got.dataSync()[0]!).toBeCloseTo(expected, 4);
    });

    it("of the routing, with a gradient that pulls a query towards its item's cell", () => {
      const centroids = normals(3 * dim, 4);
      const cells = [2, 0, 1, 1, 2];
      let expected = 0;
      scores(queries, centroids, 2).forEach((row, i) => {
        expected -= 0.5 * Math.log(softmax(row)[cells[i]!]!);
      });
      const f = (q: tf.Tensor) =>
        routingLoss(q as tf.Tensor2D, tf.tensor1d(cells, "int32"), matrix(centroids, 3), 2, 0.5);
      expect(f(matrix(queries, n)).dataSync()[0]!).toBeCloseTo(expected, 4);
      const step = tf.sub(matrix(queries, n), tf.mul(tf.grad(f)(matrix(queries, n)), 0.1));
      expect(f(step).dataSync()[0]!).toBeLessThan(expected);
    });
  });
}

describe.each(["wasm", "wasm as a device", "tensorflow"] as const)("the terms of a layer on %s", (place) => {
  runOn(place);

  it("are the losses of its own cells, codes and vectors", async () => {
    const options = { dim: 16, nlist: 8, numSubQuantizers: 4, nbits: 4, bufferSize: 256, reduction: "sum" } as const;
    const layer = new IndexingLayer({ ...options, routingWeight: 1, commitmentWeight: 3 });
    const sample = clustered(256, 16, 1);
    await layer.initialize(sample);
    const x = tf.tensor2d(sample.slice(0, 40 * 16), [40, 16]);
    const asked = tf.tensor2d(clustered(40, 16, 2), [40, 16]);
    const { quantized: q, coarseCodes, losses } = layer.call(x, { training: true, queries: asked });
    const distance = tf.sum(tf.squaredDifference(x, q)).dataSync()[0]!;
    expect(losses.distortion!.dataSync()[0]!).toBeCloseTo(distance, 3);
    expect(losses.commitment!.dataSync()[0]!).toBeCloseTo(3 * distance, 3);
    const own = layer.rotateBack(layer.coarseCentroids!);
    expect(losses.routing!.dataSync()[0]!).toBeCloseTo(routingLoss(asked, coarseCodes, own, 10, 1).dataSync()[0]!, 2);
    // Queries that led to other items than those in their own row.
    const answers = tf.tensor1d([3, 3, 39], "int32");
    const few = tf.slice2d(asked, [0, 0], [3, 16]);
    const led = layer.call(x, { training: true, queries: few, answers }).losses.routing!.dataSync()[0]!;
    expect(led).toBeCloseTo(routingLoss(few, tf.gather(coarseCodes, answers), own, 10, 1).dataSync()[0]!, 3);
    // Items routed to their own cells by themselves: nearly always the best cell, so far below log(nlist).
    const self = layer.call(x, { training: true, queries: x }).losses.routing!.dataSync()[0]! / 40;
    expect(self).toBeLessThan(0.5 * Math.log(8));
    layer.dispose();
  });
});
