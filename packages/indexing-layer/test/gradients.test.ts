import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { balanceLoss } from "../src/balance-loss.ts";
import {
  distillationLoss,
  IndexingLayer,
  inBatchSoftmaxLoss,
  rotationTrick,
  routingLoss,
  straightThrough,
} from "../src/index.ts";
import { type Assignment, commitmentLoss, distortionLoss } from "../src/losses.ts";
import { assignCoarse, assignCodes, decodeRows, flatCodes } from "../src/quantize.ts";
import { clustered, gradientError, normals, useBackend, worstDifference } from "./helpers.ts";

beforeAll(() => useBackend("wasm"));

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
  const codes = assignCodes(coarse ? tf.sub(y, tf.gather(matrix(u, nlist), coarseCodes)) : y, fixed);
  const rows = flatCodes(codes, ksub);
  const residual = decodeRows(rows, centroids);
  return { y, coarseCodes, codes, rows, decoded: coarse ? tf.add(tf.gather(coarse, coarseCodes), residual) : residual };
}

describe("the straight-through estimator", () => {
  it("has the quantized value and the identity's gradient, and none towards the centroids", () => {
    const quantized = matrix(probe);
    expect(straightThrough(matrix(x), quantized).dataSync()).toEqual(quantized.dataSync());
    const weights = matrix(normals(n * dim, 6));
    const f = (a: tf.Tensor, q: tf.Tensor) => tf.sum(tf.mul(straightThrough(a as tf.Tensor2D, tf.mul(q, 2)), weights));
    const toX = tf.grad((a) => f(a, quantized))(matrix(x));
    expect(toX.dataSync()).toEqual(weights.dataSync());
    // TensorFlow.js refuses where there is no path at all.
    expect(() => tf.grad((q) => f(matrix(x), q))(quantized)).toThrow(/Cannot compute gradient/);
  });
});

describe("the rotation trick", () => {
  it("has the quantized value", () => {
    expect(rotationTrick(matrix(x), matrix(probe)).dataSync()).toEqual(matrix(probe).dataSync());
  });

  it("has the gradient of the rotation and rescaling that carries x onto its quantized vector", () => {
    // The map itself, built as a matrix per row and held constant, is linear: its gradient can be differenced.
    const rows: tf.Tensor2D[] = [];
    for (let i = 0; i < n; i++) {
      const from = x.slice(i * dim, (i + 1) * dim);
      const to = probe.slice(i * dim, (i + 1) * dim);
      const map = householder(from, to);
      expect(worstDifference(tf.matMul(matrix(from, 1), map).dataSync(), to)).toBeLessThan(1e-4);
      rows.push(map);
    }
    const weights = matrix(normals(n * dim, 9));
    const linear = (a: tf.Tensor) =>
      tf.concat(rows.map((map, i) => tf.matMul(tf.slice(a as tf.Tensor2D, [i, 0], [1, dim]), map)));
    const expected = tf
      .grad((a) => tf.sum(tf.mul(linear(a), weights)))(matrix(x))
      .dataSync();
    const got = tf.grad((a) => tf.sum(tf.mul(rotationTrick(a as tf.Tensor2D, matrix(probe)), weights)))(matrix(x));
    expect(worstDifference(got.dataSync(), expected)).toBeLessThan(1e-4);
  });

  /** λ(I - 2rrᵀ + 2feᵀ), transposed for row vectors. */
  function householder(from: Float32Array, to: Float32Array): tf.Tensor2D {
    const length = (a: Float32Array) => Math.hypot(...a);
    const e = from.map((value) => value / length(from));
    const f = to.map((value) => value / length(to));
    const sum = e.map((value, i) => value + f[i]!);
    const r = sum.map((value) => value / length(sum));
    const lambda = length(to) / length(from);
    const out = new Float32Array(dim * dim);
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j < dim; j++) {
        out[j * dim + i] = lambda * ((i === j ? 1 : 0) - 2 * r[i]! * r[j]! + 2 * f[i]! * e[j]!);
      }
    }
    return tf.tensor2d(out, [dim, dim]);
  }
});

describe("numeric gradients", () => {
  const coarse = () => matrix(u, nlist);
  const centroids = () => tf.tensor3d(v, [m, ksub, dim / m]);
  const queries = normals(n * dim, 5, 0.4);
  const cells = () => tf.tensor1d([0, 1, 2, 0, 1, 2], "int32");

  for (const eta of [1, 3]) {
    it(`agree for the distortion by coarse centroids, eta ${eta}`, () => {
      const f = (a: tf.Tensor) =>
        distortionLoss(assignment(a as tf.Tensor2D, centroids()), a as tf.Tensor2D, centroids(), 0.7, eta);
      expect(gradientError(f, u, [nlist, dim])).toBeLessThan(2e-3);
    });

    it(`agree for the distortion by sub-quantizer centroids, eta ${eta}`, () => {
      const f = (a: tf.Tensor) =>
        distortionLoss(assignment(coarse(), a as tf.Tensor3D), coarse(), a as tf.Tensor3D, 0.7, eta);
      expect(gradientError(f, v, [m, ksub, dim / m])).toBeLessThan(2e-3);
    });
  }

  it("agree for the distortion without cells", () => {
    const f = (a: tf.Tensor) => distortionLoss(assignment(null, a as tf.Tensor3D), null, a as tf.Tensor3D, 1);
    expect(gradientError(f, v, [m, ksub, dim / m])).toBeLessThan(2e-3);
  });

  it("agree for the commitment by the items", () => {
    expect(gradientError((a) => commitmentLoss(a as tf.Tensor2D, matrix(probe), 0.3), x, [n, dim])).toBeLessThan(2e-3);
  });

  it("agree for the in-batch softmax by queries and items, with more items than queries", () => {
    const fewer = queries.subarray(0, 4 * dim);
    const byItems = (a: tf.Tensor) => inBatchSoftmaxLoss(matrix(fewer, 4), a as tf.Tensor2D, 3, 0.5);
    const byQueries = (a: tf.Tensor) => inBatchSoftmaxLoss(a as tf.Tensor2D, matrix(x), 3, 0.5);
    expect(gradientError(byItems, x, [n, dim])).toBeLessThan(3e-3);
    expect(gradientError(byQueries, fewer.slice(), [4, dim])).toBeLessThan(3e-3);
  });

  it("agree for the distillation by queries (teacher held) and by quantized items", () => {
    const byQuantized = (a: tf.Tensor) => distillationLoss(matrix(queries), matrix(x), a as tf.Tensor2D, 3, 0.5);
    expect(gradientError(byQuantized, probe, [n, dim])).toBeLessThan(3e-3);
    // Equal teacher and student: the gradient by the queries vanishes although the teacher moves with them.
    const same = tf.grad((a) => distillationLoss(a as tf.Tensor2D, matrix(x), matrix(x), 3, 1))(matrix(queries));
    expect(Math.max(...same.dataSync().map(Math.abs))).toBeLessThan(1e-5);
  });

  it("agree for the routing by the queries", () => {
    const f = (a: tf.Tensor) => routingLoss(a as tf.Tensor2D, cells(), coarse(), 3, 0.5);
    expect(gradientError(f, queries, [n, dim])).toBeLessThan(3e-3);
  });

  it("agree for the balance by the items", () => {
    const own = tf.tidy(() => tf.gather(coarse(), assignCoarse(matrix(x), coarse())));
    const f = (a: tf.Tensor) => balanceLoss(a as tf.Tensor2D, coarse(), own, centroids(), 0.4, 0.2, 2);
    expect(gradientError(f, x, [n, dim])).toBeLessThan(5e-3);
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
      balanceWeight: 0.1,
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
    const { losses } = layer.call(items, { training: true, queries: asked });
    const { total, ...terms } = losses;
    expect(Object.keys(terms).sort()).toEqual(["balance", "commitment", "distillation", "distortion", "routing"]);
    const sum = Object.values(terms).reduce((s, term) => s + term.dataSync()[0]!, 0);
    expect(total.dataSync()[0]!).toBeCloseTo(sum, 3);
    layer.dispose();
  });
});
