import { Random } from "@poeem/indexing-layer";
import { createCodebook, decode, decodedSquares } from "@poeem/pq-core/write";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { chooseTerms, distanceTerms } from "../src/codes/distance-terms.ts";
import { encodeLearned, learnCodes } from "../src/codes/learn.ts";
import { nearestBy, squaresOf } from "../src/codes/nearest.ts";
import { overlapAtK } from "../src/rank/metrics.ts";

const DIM = 16;

beforeAll(async () => {
  await useBackend("wasm");
});

function normals(count: number, random: Random): Float32Array {
  return Float32Array.from({ length: count }, () => random.normal());
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, d) => sum + value * b[d]!, 0);

/** Vectors about centres, and queries about the same ones; queries elsewhere by `shift`. */
function world(seed: number, shift = 0) {
  const random = new Random(seed);
  const centres = normals(40 * DIM, random);
  const around = (count: number, more: number): Float32Array => {
    const rows = normals(count * DIM, random);
    for (let i = 0; i < count; i++) {
      const centre = random.integer(40);
      for (let d = 0; d < DIM; d++) rows[i * DIM + d] = centres[centre * DIM + d]! + 0.5 * rows[i * DIM + d]! + more;
    }
    return rows;
  };
  return { items: around(1500, 0), sample: around(1000, shift), queries: around(400, shift) };
}

const SHAPE = { dim: DIM, nlist: 8, numSubQuantizers: 8, nbits: 4, metric: "l2", scoreAware: true, seed: 1 } as const;

async function overlapOf(items: Float32Array, queries: Float32Array, sample: Float32Array | undefined) {
  const learned = await learnCodes(items, sample, SHAPE);
  const { assignments, codes, terms } = await encodeLearned(learned, items);
  const decoded = decode(learned.codebook, assignments, codes);
  const plain = Float32Array.from(decodedSquares(learned.codebook, assignments, codes));
  const [exact] = await nearestBy(queries, items, DIM, [squaresOf(items, DIM)], 10);
  const found = await nearestBy(queries, decoded, DIM, [plain, terms ?? plain], 10);
  return { learned, terms, plain, overlaps: found.map((numbers) => overlapAtK(numbers, exact!, 10)) };
}

describe("terms of distances", () => {
  it("give back what codes lose of the distance to the guessed query", () => {
    const random = new Random(5);
    const [rotated, decoded] = [normals(30 * DIM, random), normals(30 * DIM, random)];
    const [queryMean, itemMean] = [normals(DIM, random), normals(DIM, random)];
    const guess = { queryMean, itemMean, share: 0.7, shift: 100 };
    for (const [i, term] of distanceTerms(guess, rotated, decoded).entries()) {
      const x = rotated.subarray(i * DIM, (i + 1) * DIM);
      const xhat = decoded.subarray(i * DIM, (i + 1) * DIM);
      const query = x.map((value, d) => queryMean[d]! + 0.7 * (value - itemMean[d]!));
      const difference = query.map((value, d) => value - x[d]!);
      const byTerm = dot(query, query) - 2 * dot(query, xhat) + term - 100;
      expect(byTerm).toBeCloseTo(dot(difference, difference), 3);
    }
  });

  it("are never below 0, as readers of an index expect", () => {
    const zeros = new Float32Array(DIM);
    const guess = { queryMean: zeros.map(() => 9), itemMean: zeros, share: 1, shift: 0 };
    const terms = distanceTerms(guess, normals(50 * DIM, new Random(6)), new Float32Array(50 * DIM));
    expect(Math.min(...terms)).toBe(0);
  });

  it("find more of what others look for: near the items, far from them, or without sample queries", async () => {
    for (const [shift, asks, least] of [
      [0, true, 0.0005],
      [1.5, true, 0.01],
      [0, false, 0.0005],
    ] as const) {
      const gains: number[] = [];
      for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
        const { items, sample, queries } = world(seed, shift);
        const { terms, plain, overlaps } = await overlapOf(items, queries, asks ? sample : undefined);
        gains.push(overlaps[1]! - overlaps[0]!);
        // so that items without vectors, which have ‖x̂‖², are neither nearer nor farther
        if (terms) expect(mean(terms) / mean(plain)).toBeCloseTo(1, 2);
      }
      expect(mean(gains)).toBeGreaterThan(least);
      expect(Math.min(...gains)).toBeGreaterThan(-0.005);
    }
  });

  it("are not made of a few queries, nor of what harms a search for items like one", async () => {
    const { items, queries, sample } = world(1, 40);
    const few = await overlapOf(items, queries, sample.subarray(0, 5 * DIM));
    expect(few.learned.terms).toBeUndefined();
    const far = await overlapOf(items, items.subarray(0, 300 * DIM), sample);
    expect(far.overlaps[1]).toBeGreaterThanOrEqual(far.overlaps[0]! - 0.01);
  });

  it("are left out where codes lose nothing", async () => {
    const rows = normals(16 * DIM, new Random(4));
    const items = Float32Array.from({ length: 160 * DIM }, (_, at) => rows[at % rows.length]!);
    const codebook = createCodebook({
      ...{ dim: DIM, nlist: 16, numSubQuantizers: 4, nbits: 4, metric: "l2", byResidual: true },
      coarseCentroids: rows,
      centroids: new Float32Array(DIM << 4),
    });
    const cells = Uint32Array.from({ length: 160 }, (_, i) => i % 16);
    const coded = { rotated: items, cells, codes: new Uint8Array(160 * 4) };
    const tried = await chooseTerms(codebook, coded, rows.slice(), new Random(1));
    expect(tried).toEqual({ terms: undefined, plain: tried!.best, best: tried!.best, queries: 8 });
  });

  it("say nothing of fewer items than are looked for", async () => {
    for (const count of [1, 2, 11]) {
      const items = normals(count * DIM, new Random(7));
      const said: string[] = [];
      const learned = await learnCodes(items, undefined, { ...SHAPE, nlist: 0 }, (line) => said.push(line));
      expect([learned.terms, said]).toEqual([undefined, []]);
      expect((await encodeLearned(learned, items)).codes).toHaveLength(count * 8);
    }
  });
});
