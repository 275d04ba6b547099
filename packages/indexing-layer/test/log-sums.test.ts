import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { Random } from "../src/random.ts";
import { softmaxLogSums } from "../src/softmax/log-sums.ts";
import { runOn, SIMULATED } from "./backends.ts";

const [ROWS, COUNT, DIM, SCALE] = [5, 9, 4, 3];
const random = new Random(2);
const draw = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());
const queries = draw(ROWS * DIM);
const candidates = draw(COUNT * DIM);
const logQ = draw(COUNT);
/** Row 1 masks two candidates, row 3 one. */
const masked = { offsets: Uint32Array.of(0, 0, 2, 2, 3, 3), values: Uint32Array.of(4, 7, 0) };

/** In double precision, so that differences show its gradient. */
function definition(q: ArrayLike<number>, v: ArrayLike<number>, row: number): number {
  const without = masked.values.subarray(masked.offsets[row], masked.offsets[row + 1]);
  let sum = 0;
  for (let c = 0; c < COUNT; c++) {
    if (without.includes(c)) continue;
    let dot = 0;
    for (let d = 0; d < DIM; d++) dot += q[row * DIM + d]! * v[c * DIM + d]!;
    sum += Math.exp(SCALE * dot - logQ[c]!);
  }
  return Math.log(sum);
}

const PLACES = ["cpu", "wasm", ...SIMULATED, "tensorflow", "webgpu"] as const;

describe.each(PLACES)("log Z of the rows of a problem, on %s", (place) => {
  runOn(place);

  it("is the sum written out, and its gradients are differences of that", async () => {
    const weights = draw(ROWS);
    const loss = (...args: tf.Tensor[]): tf.Scalar => {
      const [q, v] = args as [tf.Tensor2D, tf.Tensor2D];
      const logZ = softmaxLogSums({ queries: q, candidates: v, scale: SCALE, logQ, masked });
      return tf.sum(tf.mul(logZ, tf.tensor1d(weights)));
    };
    const { value, grads } = tf.valueAndGrads(loss)([
      tf.tensor2d(queries, [ROWS, DIM]),
      tf.tensor2d(candidates, [COUNT, DIM]),
    ]);
    const sides = [Float64Array.from(queries), Float64Array.from(candidates)] as const;
    const total = (): number => weights.reduce((sum, weight, row) => sum + weight * definition(...sides, row), 0);
    expect((await value.data())[0]).toBeCloseTo(total(), 4);
    for (const [i, side] of sides.entries()) {
      const gradient = await grads[i]!.data();
      for (let at = 0; at < side.length; at++) {
        const start = side[at]!;
        side[at] = start + 1e-4;
        const above = total();
        side[at] = start - 1e-4;
        const below = total();
        side[at] = start;
        expect(gradient[at]).toBeCloseTo((above - below) / 2e-4, 3);
      }
    }
  });
});
