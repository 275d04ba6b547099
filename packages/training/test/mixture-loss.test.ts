import { Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { toCsr } from "../src/data/csr.ts";
import { gatherRows, mixtureSoftmaxLoss } from "../src/model/mixture-loss.ts";
import { MASKED } from "../src/model/ops.ts";

const [G, S, C, DIM, SCALE] = [3, 2, 7, 4, 3];

interface Problem {
  queries: number[][];
  candidates: number[][];
  logWeights: number[][];
  targets: number[][];
  mask: number[][];
  logQ: number[];
}

function problem(seed: number): Problem {
  const random = new Random(seed);
  const matrix = (rows: number, columns: number, value: (r: number, c: number) => number) =>
    Array.from({ length: rows }, (_, r) => Array.from({ length: columns }, (_, c) => value(r, c)));
  return {
    queries: matrix(G * S, DIM, () => random.normal() / 2),
    candidates: matrix(C, DIM, () => random.normal() / 2),
    // the last place of the last group is empty
    logWeights: matrix(G, S, (g, s) => (g === G - 1 && s === S - 1 ? MASKED : random.normal())),
    targets: matrix(G, C, (g, c) => (c === g || c === g + 3 ? 1 + g / 2 : 0)),
    mask: matrix(G * S, C, (row, c) => (c === 6 && row % 2 === 0 ? MASKED : 0)),
    logQ: matrix(1, C, () => random.normal())[0]!,
  };
}

/** The definition, in double precision, one sum at a time. */
function definition({ queries, candidates, logWeights, targets, mask, logQ }: Problem): number {
  let loss = 0;
  let total = 0;
  for (let g = 0; g < G; g++) {
    const a = softmax(logWeights[g]!);
    const p = a.map((_, s) => {
      const row = g * S + s;
      return softmax(
        candidates.map(
          (v, c) => SCALE * v.reduce((sum, x, d) => sum + x * queries[row]![d]!, 0) - logQ[c]! + mask[row]![c]!,
        ),
      );
    });
    for (let c = 0; c < C; c++) {
      const weight = targets[g]![c]!;
      total += weight;
      if (weight > 0) loss -= weight * Math.log(a.reduce((sum, share, s) => sum + share * p[s]![c]!, 0));
    }
  }
  return loss / total;
}

/** Columns of the values that are not 0. */
const listsOf = (rows: number[][]) => toCsr(rows.map((row) => row.flatMap((value, c) => (value === 0 ? [] : [c]))));

function softmax(x: number[]): number[] {
  const max = Math.max(...x);
  const e = x.map((value) => Math.exp(value - max));
  const sum = e.reduce((total, value) => total + value, 0);
  return e.map((value) => value / sum);
}

describe.each(["cpu", "wasm"])("mixture of softmaxes on %s", (backend) => {
  beforeAll(async () => {
    setWasmPaths(new URL("../../../node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url).pathname);
    expect(await tf.setBackend(backend)).toBe(true);
    await tf.ready();
  });

  it("equals its definition, and its gradients equal finite differences of that", () => {
    const input = problem(1);
    const tensors = [input.queries, input.candidates, input.logWeights].map((rows) => tf.tensor2d(rows));
    const others = {
      targets: listsOf(input.targets),
      weights: Float32Array.from(input.targets.flat().filter((weight) => weight > 0)),
      masked: listsOf(input.mask),
      logQ: Float32Array.from(input.logQ),
    };
    const { value, grads } = tf.valueAndGrads((q, v, w) =>
      mixtureSoftmaxLoss(q as tf.Tensor2D, v as tf.Tensor2D, w as tf.Tensor2D, others, SCALE),
    )(tensors);
    expect(value.dataSync()[0]).toBeCloseTo(definition(input), 4);
    [input.queries, input.candidates, input.logWeights].forEach((rows, part) => {
      const gradient = grads[part]!.arraySync() as number[][];
      rows.forEach((row, i) => {
        row.forEach((at, j) => {
          const h = 1e-5;
          row[j] = at + h;
          const above = definition(input);
          row[j] = at - h;
          const below = definition(input);
          row[j] = at;
          expect(gradient[i]![j]).toBeCloseTo(at === MASKED ? 0 : (above - below) / (2 * h), 4);
        });
      });
    });
  });

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
      tf.sum(tf.mul(gatherRows(rows as tf.Tensor2D, tf.tensor1d([2, 0, 2], "int32")), weights)),
    )(x);
    expect(value.dataSync()[0]).toBe(5 + 60 + 100 + 2000 + 35 + 48);
    expect(grad.arraySync()).toEqual([
      [100, 1000],
      [0, 0],
      [8, 18],
    ]);
  });
});
