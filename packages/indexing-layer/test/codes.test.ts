import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { codesOf } from "../src/codes/codes.ts";
import { CodesKernel } from "../src/codes/codes-kernel.ts";
import { codesKernelBytes } from "../src/load-kernels.ts";
import { runOn, SIMULATED, use } from "./backends.ts";
import { normals, useBackend } from "./helpers.ts";

describe("the kernel of codes", () => {
  let kernel: CodesKernel;
  beforeAll(async () => {
    await useBackend("wasm");
    const bytes = codesKernelBytes();
    expect(bytes, "npm run kernels").toBeDefined();
    kernel = new CodesKernel(bytes!);
  });

  it.each([
    [1, 1, 16, 1],
    [2000, 32, 16, 1],
    [2000, 32, 16, 2],
    [301, 3, 16, 5],
    [200, 4, 256, 4],
    // sub-quantizers too large to be scored together
    [300, 64, 16, 4],
    [0, 8, 16, 2],
  ])("gives the codes of the tensors: %i rows, %i × %i centroids of %i", (n, m, ksub, subDim) => {
    const centroids = normals(m * ksub * subDim, 2);
    // two centroids that are the same: the first is the nearest
    centroids.copyWithin(5 * subDim, 2 * subDim, 3 * subDim);
    // rows that are centroids, among others
    const vectors = normals(n * m * subDim, 1);
    for (let i = 0; i + 1 < n; i += 7) vectors.set(centroids.subarray(5 * subDim, 6 * subDim), i * m * subDim);
    tf.tidy(() => {
      const x = tf.tensor2d(vectors, [n, m * subDim]);
      const c = tf.tensor3d(centroids, [m, ksub, subDim]);
      const [expected, got] = [codesOf(x, c), kernel.run(x, c)];
      for (const part of ["codes", "rows", "decoded"] as const) {
        expect(got[part].shape).toEqual(expected[part].shape);
        expect(got[part].dtype).toBe(expected[part].dtype);
        expect([...got[part].dataSync()]).toEqual([...expected[part].dataSync()]);
      }
    });
  });

  it("serves centroids in whole tiles on wasm, and nothing else", async () => {
    expect(kernel.serves(tf.zeros([2, 256, 3]))).toBe(true);
    expect(kernel.serves(tf.zeros([2, 4, 3]))).toBe(false);
    await useBackend("cpu");
    expect(kernel.serves(tf.zeros([2, 256, 3]))).toBe(false);
    await useBackend("wasm");
  });
});

describe.each([...SIMULATED, "tensorflow", "webgpu"] as const)("codes on a device: %s", (place) => {
  runOn(place);

  it.each([
    [1, 1, 16, 1],
    [500, 32, 16, 2],
    [301, 3, 16, 5],
    [200, 4, 256, 4],
    [300, 64, 16, 4],
  ])("are as near as those of the host: %i rows, %i × %i centroids of %i", async (n, m, ksub, subDim) => {
    const [vectors, centroids] = [normals(n * m * subDim, 1), normals(m * ksub * subDim, 2)];
    const compute = async () => {
      const made = tf.tidy(() => {
        const x = tf.tensor2d(vectors, [n, m * subDim]);
        const { codes, rows, decoded } = codesOf(x, tf.tensor3d(centroids, [m, ksub, subDim]));
        return [codes, rows, decoded] as [tf.Tensor, tf.Tensor, tf.Tensor];
      });
      expect(made.map(({ shape }) => shape)).toEqual([[n, m], [n * m], [n, m * subDim]]);
      expect(made.map(({ dtype }) => dtype)).toEqual(["int32", "int32", "float32"]);
      const [codes, rows, decoded] = await Promise.all(made.map((tensor) => tensor.data()));
      tf.dispose(made);
      return { codes: codes!, rows: rows!, decoded: decoded! };
    };
    const got = await compute();
    await use("cpu");
    const expected = await compute();
    await use(place);
    const distance = (decoded: ArrayLike<number>, at: number): number => {
      let sum = 0;
      for (let d = at * subDim; d < (at + 1) * subDim; d++) sum += (vectors[d]! - decoded[d]!) ** 2;
      return sum;
    };
    let others = 0;
    for (let i = 0; i < n * m; i++) {
      expect(got.rows[i]).toBe((i % m) * ksub + got.codes[i]!);
      if (got.codes[i] === expected.codes[i]) continue;
      others++;
      expect(distance(got.decoded, i)).toBeCloseTo(distance(expected.decoded, i), 4);
    }
    expect(others).toBeLessThanOrEqual(1 + 1e-3 * n * m);
    const own = Array.from(
      got.decoded,
      (_, d) => centroids[got.rows[Math.floor(d / subDim)]! * subDim + (d % subDim)]!,
    );
    expect([...got.decoded]).toEqual(own);
  });
});
