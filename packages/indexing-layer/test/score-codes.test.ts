import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ImproveKernel, improveKernelBytes } from "../src/load-kernels.ts";
import { Random } from "../src/random.ts";
import {
  type CodedVectors,
  improveCodes,
  meanCost,
  type ScoreError,
  type SubQuantizers,
  useImproveKernel,
} from "../src/score-codes.ts";
import { solveSymmetric } from "../src/solve.ts";
import { clustered, normals, useBackend } from "./helpers.ts";

beforeAll(() => useBackend("wasm"));

const [dim, M, numCentroids, n] = [8, 4, 16, 300];

/** A positive definite matrix with a mean of 1 on its diagonal. */
function anyMoment(seed: number): Float32Array {
  const rows = normals(3 * dim, seed);
  const moment = new Float32Array(dim * dim);
  for (let i = 0; i < dim; i++) {
    moment[i * dim + i] = 0.2;
    for (let j = 0; j < dim; j++)
      for (let r = 0; r < 3; r++) moment[i * dim + j]! += rows[r * dim + i]! * rows[r * dim + j]!;
  }
  let trace = 0;
  for (let i = 0; i < dim; i++) trace += moment[i * dim + i]!;
  return moment.map((value) => (value * dim) / trace);
}

/** Quantizers and codes that fit nothing in particular. */
function anyCodes(seed: number, nlist: number): { quantizers: SubQuantizers; coded: CodedVectors } {
  const random = new Random(seed);
  return {
    quantizers: {
      ...{ dim, numSubQuantizers: M, numCentroids },
      coarseCentroids: normals(nlist * dim, seed + 1, 0.2),
      centroids: normals(numCentroids * dim, seed + 2, 0.2),
    },
    coded: {
      rotated: clustered(n, dim, seed + 3),
      cells: Uint32Array.from({ length: n }, () => random.integer(Math.max(1, nlist))),
      codes: Uint8Array.from({ length: n * M }, () => random.integer(numCentroids)),
    },
  };
}

const errors: [string, ScoreError][] = [
  ["of all directions alike", { along: 0 }],
  ["along the item most", { along: 4 }],
  ["by moments of queries", { along: 0, moment: anyMoment(7) }],
  ["by both", { along: 4, moment: anyMoment(8) }],
];

describe.each(["tensors", "the kernel"])("codes by the error of scores, in %s", (way) => {
  beforeAll(() => useImproveKernel(way === "tensors" ? undefined : new ImproveKernel(improveKernelBytes()!)));
  afterAll(() => useImproveKernel(undefined));

  for (const [name, error] of errors) {
    for (const fit of [false, true]) {
      it(`cost less with every sweep, ${name}, ${fit ? "centroids moved" : "centroids as they are"}`, async () => {
        const { quantizers, coded } = anyCodes(1, fit ? 0 : 5);
        const before = quantizers.centroids.slice();
        let cost = meanCost(quantizers, coded, error);
        for (let sweep = 0; sweep < 3; sweep++) {
          await improveCodes(quantizers, coded, error, { sweeps: fit ? 2 : 1, fit });
          const next = meanCost(quantizers, coded, error);
          expect(next).toBeLessThanOrEqual(cost * (1 + 1e-5));
          if (sweep === 0) expect(next).toBeLessThan(0.9 * cost);
          cost = next;
        }
        expect(before.some((value, i) => value !== quantizers.centroids[i])).toBe(fit);
      });
    }

    it(`are the best of all for the last sub-quantizer, ${name}`, async () => {
      const { quantizers, coded } = anyCodes(2, 3);
      await improveCodes(quantizers, coded, error, { sweeps: 1 });
      const one = (i: number): CodedVectors => ({
        rotated: coded.rotated.slice(i * dim, (i + 1) * dim),
        cells: coded.cells.slice(i, i + 1),
        codes: coded.codes.slice(i * M, (i + 1) * M),
      });
      for (let i = 0; i < n; i += 30) {
        const found = meanCost(quantizers, one(i), error);
        for (let code = 0; code < numCentroids; code++) {
          const other = one(i);
          other.codes[M - 1] = code;
          expect(meanCost(quantizers, other, error)).toBeGreaterThanOrEqual(found - 1e-5);
        }
      }
    });
  }

  it("leave centroids where any step away costs more", async () => {
    const error = errors[3]![1];
    const { quantizers, coded } = anyCodes(3, 2);
    await improveCodes(quantizers, coded, error, { sweeps: 60, fit: true });
    const cost = meanCost(quantizers, coded, error);
    const used = (M - 1) * numCentroids + coded.codes[M - 1]!;
    for (const step of [0.02, -0.02]) {
      const centroids = quantizers.centroids.slice();
      centroids[used * (dim / M)]! += step;
      expect(meanCost({ ...quantizers, centroids }, coded, error)).toBeGreaterThan(cost);
    }
  });
});

describe("the kernel of codes", () => {
  // widths that are no multiple of its lanes, cells or none
  it.each([
    [8, 4, 16, 5],
    [18, 6, 16, 0],
    [10, 2, 256, 3],
    [7, 1, 32, 2],
    [64, 16, 256, 9],
  ])("gives the codes of tensors, but for ties: dim %d, M %d, ksub %d, nlist %d", async (width, parts, ksub, nlist) => {
    const random = new Random(width);
    const rows = 200;
    const quantizers: SubQuantizers = {
      ...{ dim: width, numSubQuantizers: parts, numCentroids: ksub },
      coarseCentroids: normals(nlist * width, 1, 0.3),
      centroids: normals(ksub * width, 2, 0.3),
    };
    const factor = normals(width * width, 3, 0.3);
    const moment = new Float32Array(width * width);
    for (let i = 0; i < width; i++)
      for (let j = 0; j < width; j++)
        for (let k = 0; k < width; k++) moment[i * width + j]! += factor[i * width + k]! * factor[j * width + k]!;
    const start = {
      rotated: normals(rows * width, 4),
      cells: Uint32Array.from({ length: rows }, () => random.integer(Math.max(1, nlist))),
      codes: Uint8Array.from({ length: rows * parts }, () => random.integer(ksub)),
    };
    // a vector of zeros has no direction
    start.rotated.fill(0, 0, width);
    for (const error of [{ along: 0 }, { along: 3 }, { along: 0, moment }, { along: 2.5, moment }]) {
      const [slow, fast] = [structuredClone(start), structuredClone(start)];
      await improveCodes(quantizers, slow, error, { sweeps: 2 });
      new ImproveKernel(improveKernelBytes()!).run(quantizers, fast, error, 2);
      const same = fast.codes.filter((code, i) => code === slow.codes[i]).length;
      expect(same / fast.codes.length).toBeGreaterThan(0.99);
      const [expected, found] = [slow, fast].map((coded) => meanCost(quantizers, coded, error));
      expect(Math.abs(found! / expected! - 1)).toBeLessThan(1e-3);
      // each vector by itself
      for (const i of [0, 1, rows - 1]) {
        const one = {
          rotated: start.rotated.slice(i * width, (i + 1) * width),
          cells: start.cells.slice(i, i + 1),
          codes: start.codes.slice(i * parts, (i + 1) * parts),
        };
        new ImproveKernel(improveKernelBytes()!).run(quantizers, one, error, 2);
        expect(one.codes).toEqual(fast.codes.slice(i * parts, (i + 1) * parts));
      }
    }
  });
});

it("solves symmetric equations", () => {
  const a = Float64Array.from(anyMoment(5));
  const x = Float64Array.from(normals(dim, 6));
  const b = Float64Array.from({ length: dim }, (_, i) => x.reduce((sum, value, j) => sum + a[i * dim + j]! * value, 0));
  solveSymmetric(a.slice(), b).forEach((value, i) => {
    expect(value).toBeCloseTo(x[i]!, 6);
  });
});
