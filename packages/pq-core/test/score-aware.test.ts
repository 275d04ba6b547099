import { describe, expect, it } from "vitest";
import { createCodebook } from "../src/codebook/codebook.ts";
import { decodeRotated } from "../src/codebook/decode.ts";
import { encode } from "../src/codebook/encode.ts";
import { type QueryMoments, scoreAware } from "../src/codebook/score-aware.ts";
import { normals, random, randomCodebook } from "./data.ts";

const DIM = 12;
const N = 60;
const SHAPES = [
  { M: 12, nbits: 4, nlist: 5 },
  { M: 4, nbits: 4, nlist: 0 },
  { M: 3, nbits: 8, nlist: 5 },
] as const;

const randomVectors = (count: number, seed: number): Float32Array => normals(count * DIM, random(seed));

/** Of each cell the moment of 40 queries, most of them along one direction. */
function momentsOf(nlist: number): { given: QueryMoments; queries: Float32Array[] } {
  const cells = Math.max(nlist, 1);
  const moments = new Float32Array(cells * DIM * DIM);
  const queries = Array.from({ length: cells }, (_, cell) => {
    const own = randomVectors(40, 100 + cell);
    const along = randomVectors(1, 200 + cell);
    for (let i = 0; i < own.length; i++) own[i] = 0.3 * own[i]! + along[i % DIM]!;
    for (let q = 0; q < 40; q++)
      for (let i = 0; i < DIM; i++)
        for (let j = 0; j < DIM; j++)
          moments[(cell * DIM + i) * DIM + j]! += (own[q * DIM + i]! * own[q * DIM + j]!) / 40;
    return own;
  });
  return { given: { moments, momentOf: Uint32Array.from({ length: cells }, (_, cell) => cell) }, queries };
}

describe.each(SHAPES)("score-aware codes, M = $M × $nbits bits, nlist $nlist", (shape) => {
  const codebook = randomCodebook({ dim: DIM, metric: "innerProduct", byResidual: shape.nlist > 0, ...shape }, 1);
  const vectors = randomVectors(N, 3);
  const { given, queries } = momentsOf(shape.nlist);
  // without a rotation, rotated space is the space of the vectors
  const plain = createCodebook({ ...codebook, rotation: undefined });
  const nearest = encode(plain, vectors);
  const aware = encode(plain, vectors, undefined, scoreAware(plain, given));

  /** Mean squared error of the scores of an item's own queries. */
  const scoreError = (codes: Uint8Array, item: number): number => {
    const decoded = decodeRotated(plain, nearest.assignments, codes);
    const own = queries[shape.nlist > 0 ? nearest.assignments[item]! : 0]!;
    let sum = 0;
    for (let q = 0; q < 40; q++) {
      let error = 0;
      for (let d = 0; d < DIM; d++) error += own[q * DIM + d]! * (vectors[item * DIM + d]! - decoded[item * DIM + d]!);
      sum += error * error;
    }
    return sum / 40;
  };

  it("keeps the cells and never makes an item's scores worse, and most of them better", () => {
    expect(aware.assignments).toEqual(nearest.assignments);
    let better = 0;
    for (let item = 0; item < N; item++) {
      const [before, after] = [scoreError(nearest.codes, item), scoreError(aware.codes, item)];
      expect(after).toBeLessThanOrEqual(before * (1 + 1e-4) + 1e-9);
      if (after < 0.9 * before) better++;
    }
    expect(better).toBeGreaterThan(N / 2);
  });

  it("leaves the last sub-code at its best, by the scores themselves", () => {
    const m = shape.M - 1;
    for (let item = 0; item < N; item += 7) {
      const own = scoreError(aware.codes, item);
      for (let code = 0; code < 1 << shape.nbits; code++) {
        const other = aware.codes.slice();
        other[item * shape.M + m] = code;
        expect(scoreError(other, item)).toBeGreaterThanOrEqual(own * (1 - 1e-4) - 1e-9);
      }
    }
  });

  it("is the nearest code where queries lie evenly", () => {
    const identity = Float32Array.from({ length: DIM * DIM }, (_, i) => (i % (DIM + 1) === 0 ? 1 : 0));
    const momentOf = new Uint32Array(Math.max(shape.nlist, 1));
    expect(encode(plain, vectors, undefined, scoreAware(plain, { moments: identity, momentOf })).codes).toEqual(
      nearest.codes,
    );
  });

  it("refuses moments that do not fit the codebook", () => {
    const wrong = (change: Partial<QueryMoments>) => () => scoreAware(plain, { ...given, ...change });
    expect(wrong({ moments: new Float32Array(DIM * DIM + 1) })).toThrow(/"moments" expected matrices of 12²/);
    expect(wrong({ moments: given.moments.map(() => Number.NaN) })).toThrow(/moments/);
    expect(wrong({ momentOf: new Uint32Array(99) })).toThrow(/momentOf/);
    expect(wrong({ momentOf: given.momentOf.map(() => 99) })).toThrow(/"momentOf\[0\]" expected below/);
  });
});
