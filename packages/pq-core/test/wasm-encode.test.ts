import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Codebook, createCodebook } from "../src/codebook/codebook.ts";
import { encode } from "../src/codebook/encode.ts";
import { type QueryMoments, scoreAware } from "../src/codebook/score-aware.ts";
import { encodeFast } from "../src/kernel/wasm-encode.ts";

const module = new WebAssembly.Module(readFileSync(new URL("../wasm/encode.wasm", import.meta.url)));

/** Coarse values, so that distances tie now and then. */
function numbers(seed: number, length: number, steps: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (Math.floor((state / 2 ** 32) * steps) / steps - 0.5) * 3;
  });
}

/** Every third row becomes the one before it, every sixth with the last bit of a number changed. */
function nearDuplicates(rows: Float32Array, size: number): void {
  const bits = new Uint32Array(rows.buffer);
  for (let row = 2; row < rows.length / size; row += 3) {
    rows.copyWithin(row * size, (row - 1) * size, row * size);
    if (row % 2 === 0) bits[row * size + (row % size)]! ^= 1;
  }
}

/** Second moments of a few random vectors each, and which of them is a cell's. */
function randomMoments(seed: number, count: number, { dim, nlist }: Codebook): QueryMoments {
  const moments = new Float32Array(count * dim * dim);
  const queries = numbers(seed, count * 3 * dim, 1 << 30);
  for (let i = 0; i < moments.length; i++) {
    const first = Math.floor(i / dim / dim) * 3 * dim;
    for (let q = first; q < first + 3 * dim; q += dim)
      moments[i]! += queries[q + (Math.floor(i / dim) % dim)]! * queries[q + (i % dim)]!;
  }
  return {
    moments,
    momentOf: Uint32Array.from({ length: Math.max(nlist, 1) }, (_, cell) => (cell * 7 + seed) % count),
  };
}

describe("encodeFast", () => {
  it("gives the cells and codes of encode, bit by bit, ties included, for codebooks of any shape", () => {
    const shapes = fc.record({
      seed: fc.integer({ min: 1, max: 1 << 30 }),
      m: fc.constantFrom(1, 3, 4, 7, 8),
      subDim: fc.constantFrom(1, 2, 3, 5),
      nlist: fc.constantFrom(0, 1, 3, 16, 17, 40),
      nbits: fc.constantFrom(4 as const, 8 as const),
      byResidual: fc.boolean(),
      rotated: fc.boolean(),
      n: fc.constantFrom(0, 1, 2, 33),
      steps: fc.constantFrom(4, 1000, 1 << 30),
      numMoments: fc.constantFrom(0, 1, 3),
    });
    fc.assert(
      fc.property(shapes, ({ seed, m, subDim, nlist, nbits, byResidual, rotated, n, steps, numMoments }) => {
        const dim = m * subDim;
        const plain = createCodebook({
          dim,
          metric: "l2",
          nlist,
          numSubQuantizers: m,
          nbits,
          byResidual: byResidual && nlist > 0,
          coarseCentroids: numbers(seed + 2, nlist * dim, steps),
          centroids: numbers(seed + 3, (1 << nbits) * dim, steps),
        });
        // any matrix: what encode does with it is not to depend on its being orthogonal
        const codebook = rotated ? { ...plain, rotation: numbers(seed + 1, dim * dim, steps) } : plain;
        const vectors = numbers(seed, n * dim, steps);
        const moments = numMoments > 0 ? randomMoments(seed + 4, numMoments, codebook) : undefined;
        expect(encodeFast(module, codebook, vectors, moments)).toEqual(
          encode(codebook, vectors, undefined, moments && scoreAware(codebook, moments)),
        );
      }),
      { numRuns: 150, seed: 7 },
    );
  });

  it("tells centroids apart that differ by a unit in the last place, at any size of the numbers", () => {
    const shapes = fc.record({
      seed: fc.integer({ min: 1, max: 1 << 30 }),
      nbits: fc.constantFrom(4 as const, 8 as const),
      nlist: fc.constantFrom(5, 48, 130),
      scale: fc.constantFrom(1, 1e-3, 1e-20, 1e-38, 1e-44, 1e10, 1e18, 1e38),
      offset: fc.constantFrom(0, 1, 1000),
    });
    fc.assert(
      fc.property(shapes, ({ seed, nbits, nlist, scale, offset }) => {
        const [dim, n] = [6, 60];
        const scaled = (salt: number, length: number) =>
          numbers(seed + salt, length, 1 << 30).map(
            (value) => (value + offset) * (offset === 1000 ? scale / 1000 : scale),
          );
        const coarseCentroids = scaled(2, nlist * dim);
        const centroids = scaled(3, (1 << nbits) * dim);
        nearDuplicates(coarseCentroids, dim);
        nearDuplicates(centroids, 2);
        const codebook = createCodebook({
          dim,
          metric: "l2",
          nlist,
          numSubQuantizers: 3,
          nbits,
          byResidual: seed % 2 === 0,
          coarseCentroids,
          centroids,
        });
        const vectors = scaled(1, n * dim);
        // half of them lie on a centroid
        for (let i = 0; i < n; i += 2) {
          const cell = i % nlist;
          vectors.set(coarseCentroids.subarray(cell * dim, (cell + 1) * dim), i * dim);
        }
        expect(encodeFast(module, codebook, vectors)).toEqual(encode(codebook, vectors));
      }),
      { numRuns: 100, seed: 11 },
    );
  });

  it("goes on over slices of its memory", () => {
    const codebook = createCodebook({
      dim: 4,
      metric: "l2",
      nlist: 5,
      numSubQuantizers: 2,
      nbits: 4,
      byResidual: true,
      coarseCentroids: numbers(2, 20, 1000),
      centroids: numbers(3, 64, 1000),
    });
    const vectors = numbers(4, 4 * 9000, 1000);
    expect(encodeFast(module, codebook, vectors)).toEqual(encode(codebook, vectors));
    expect(encodeFast(undefined, codebook, vectors)).toEqual(encode(codebook, vectors));
    expect(() => encodeFast(module, codebook, new Float32Array(5))).toThrow(/"vectors" expected a multiple of dim 4/);
    expect(() => encodeFast(module, codebook, Float32Array.of(0, Number.NaN, 0, 0))).toThrow(/"vectors/);
  });
});
