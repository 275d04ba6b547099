import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { IndexingLayer, inBatchSoftmaxLoss, routingLoss, softmaxLoss, straightThrough } from "../src/index.ts";
import { commitmentLoss } from "../src/losses/commitment.ts";
import { distortionLoss } from "../src/losses/distortion.ts";
import type { Assignment } from "../src/losses/loss.ts";
import { assignCoarse, assignCodes, decodeRows, flatCodes } from "../src/quantize.ts";
import { runOn, SIMULATED } from "./backends.ts";
import { clustered, gradientError, normals } from "./helpers.ts";

const n = 6;
const dim = 8;
const m = 4;
const ksub = 16;
const nlist = 3;
const matrix = (values: Float32Array, rows = n) => tf.tensor2d(values, [rows, values.length / rows]);
const x = normals(n * dim, 1, 0.5);
const u = normals(nlist * dim, 2, 0.5);
const v = normals(dim * ksub, 3, 0.3);
const probe = normals(n * dim, 4);

/** The assignment of x, recomputed with other centroids but the same codes. */
function assignment(coarse: tf.Tensor2D | null, centroids: tf.Tensor3D): Assignment {
  const y = matrix(x);
  const coarseCodes = coarse ? assignCoarse(y, matrix(u, nlist)) : tf.zeros<tf.Rank.R1>([n], "int32");
  const fixed = tf.tensor3d(v, [m, ksub, dim / m]);
  const residual = coarse ? tf.sub<tf.Tensor2D>(y, tf.gather(matrix(u, nlist), coarseCodes)) : y;
  const codes = assignCodes(residual, fixed);
  const rows = flatCodes(codes, ksub);
  const part = decodeRows(rows, centroids);
  const decoded = coarse ? tf.add<tf.Tensor2D>(tf.gather(coarse, coarseCodes), part) : part;
  return { y, residual, coarseCodes, codes, rows, decoded };
}

describe.each(["wasm", ...SIMULATED, "tensorflow"] as const)("gradients on %s", (place) => {
  runOn(place);

  describe("the straight-through estimator", () => {
    it("has the quantized value and the identity's gradient, and none towards the centroids", () => {
      const quantized = matrix(probe);
      expect(straightThrough(matrix(x), quantized).dataSync()).toEqual(quantized.dataSync());
      const weights = matrix(normals(n * dim, 6));
      const f = (a: tf.Tensor, q: tf.Tensor) =>
        tf.sum(tf.mul(straightThrough(a as tf.Tensor2D, tf.mul(q, 2)), weights));
      const toX = tf.grad((a) => f(a, quantized))(matrix(x));
      expect(toX.dataSync()).toEqual(weights.dataSync());
      // TensorFlow.js refuses where there is no path at all.
      expect(() => tf.grad((q) => f(matrix(x), q))(quantized)).toThrow(/Cannot compute gradient/);
    });
  });

  describe("numeric gradients", () => {
    const coarse = () => matrix(u, nlist);
    const centroids = () => tf.tensor3d(v, [m, ksub, dim / m]);
    const queries = normals(n * dim, 5, 0.4);
    const cells = () => tf.tensor1d([0, 1, 2, 0, 1, 2], "int32");

    it("agree for the distortion by coarse centroids", () => {
      const f = (a: tf.Tensor) =>
        distortionLoss(assignment(a as tf.Tensor2D, centroids()), a as tf.Tensor2D, centroids(), 0.7);
      expect(gradientError(f, u, [nlist, dim])).toBeLessThan(2e-3);
    });

    it("agree for the distortion by sub-quantizer centroids", () => {
      const f = (a: tf.Tensor) =>
        distortionLoss(assignment(coarse(), a as tf.Tensor3D), coarse(), a as tf.Tensor3D, 0.7);
      expect(gradientError(f, v, [m, ksub, dim / m])).toBeLessThan(2e-3);
    });

    it("agree for the distortion without cells", () => {
      const f = (a: tf.Tensor) => distortionLoss(assignment(null, a as tf.Tensor3D), null, a as tf.Tensor3D, 1);
      expect(gradientError(f, v, [m, ksub, dim / m])).toBeLessThan(2e-3);
    });

    it("agree for the commitment by the items", () => {
      expect(gradientError((a) => commitmentLoss(a as tf.Tensor2D, matrix(probe), 0.3), x, [n, dim])).toBeLessThan(
        2e-3,
      );
    });

    it("agree for the in-batch softmax by queries and items, with more items than queries", () => {
      const fewer = queries.subarray(0, 4 * dim);
      const byItems = (a: tf.Tensor) => inBatchSoftmaxLoss(matrix(fewer, 4), a as tf.Tensor2D, 3, 0.5);
      const byQueries = (a: tf.Tensor) => inBatchSoftmaxLoss(a as tf.Tensor2D, matrix(x), 3, 0.5);
      expect(gradientError(byItems, x, [n, dim])).toBeLessThan(3e-3);
      expect(gradientError(byQueries, fewer.slice(), [4, dim])).toBeLessThan(3e-3);
    });

    it("agree for the distillation by queries (teacher held) and by quantized items", () => {
      const distil = (asked: tf.Tensor, dense: tf.Tensor2D, candidates: tf.Tensor) =>
        softmaxLoss({
          queries: asked as tf.Tensor2D,
          candidates: candidates as tf.Tensor2D,
          scale: 3,
          teacher: { candidates: dense, weight: 0.5 },
          weight: n,
        }).total;
      const byQuantized = (a: tf.Tensor) => distil(matrix(queries), matrix(x), a);
      expect(gradientError(byQuantized, probe, [n, dim])).toBeLessThan(3e-3);
      // Equal teacher and student: the gradient by the queries vanishes although the teacher moves with them.
      const same = tf.grad((a) => distil(a, matrix(x), matrix(x)))(matrix(queries));
      expect(Math.max(...same.dataSync().map(Math.abs))).toBeLessThan(1e-5);
    });

    it("agree for the routing by the queries", () => {
      const f = (a: tf.Tensor) => routingLoss(a as tf.Tensor2D, cells(), coarse(), 3, 0.5);
      expect(gradientError(f, queries, [n, dim])).toBeLessThan(3e-3);
    });

    it("of a whole layer reach items, queries and centroids, and sum to the total of the terms", async () => {
      const layer = new IndexingLayer({
        dim: 16,
        nlist: 4,
        numSubQuantizers: 4,
        nbits: 4,
        bufferSize: 64,
        rotation: "opq",
        codebookUpdate: "gradient",
      });
      await layer.initialize(clustered(64, 16, 1));
      const items = tf.tensor2d(clustered(12, 16, 2), [12, 16]);
      const asked = tf.tensor2d(clustered(12, 16, 3), [12, 16]);
      const f = (a: tf.Tensor, q: tf.Tensor) => {
        const { losses } = layer.call(a as tf.Tensor2D, { training: true, queries: q as tf.Tensor2D });
        return losses.total;
      };
      const all = tf.grads((a, q) => f(a!, q!))([items, asked, ...layer.trainableVariables]);
      expect(all).toHaveLength(4);
      for (const g of all) expect(Math.max(...g.dataSync().map(Math.abs))).toBeGreaterThan(1e-4);
      const { losses, teacher } = layer.call(items, { training: true, queries: asked });
      expect(teacher).toEqual({ candidates: items, weight: 0.25 });
      const { total, ...terms } = losses;
      expect(Object.keys(terms).sort()).toEqual(["commitment", "distortion", "routing"]);
      const sum = Object.values(terms).reduce((s, term) => s + term.dataSync()[0]!, 0);
      expect(total.dataSync()[0]!).toBeCloseTo(sum, 3);
      layer.dispose();
    });
  });
});
