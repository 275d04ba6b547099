import { Random } from "@poeem/indexing-layer";
import { createCodebook, decode } from "@poeem/pq-core/write";
import { beforeAll, describe, expect, it } from "vitest";
import { queryMoments } from "../src/artifact/query-moments.ts";
import { sampleQueryVectors } from "../src/artifact/query-sample.ts";
import { useBackend } from "../src/backend/backend.ts";
import { spreadEvenly } from "../src/data/gather.ts";
import { encodeItems } from "../src/model/encode-items.ts";
import { trainModel } from "../src/train/loop.ts";
import { readers } from "./histories.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

const normals = (length: number, seed: number): Float32Array => {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.normal());
};

describe("queryMoments", () => {
  const [DIM, COUNT, QUERIES, SCALE] = [6, 40, 700, 1.5];
  const codebookOf = (nlist: number) =>
    createCodebook({
      ...{ dim: DIM, metric: "innerProduct", nlist, numSubQuantizers: 3, nbits: 4, byResidual: true },
      coarseCentroids: normals(nlist * DIM, 1),
      centroids: normals(16 * DIM, 2),
    });
  const items = normals(COUNT * DIM, 3);
  const queries = normals(QUERIES * DIM, 4);

  it("weighs each query by the probability that it gives a cell's items", async () => {
    const codebook = codebookOf(4);
    const { moments, momentOf } = await queryMoments(codebook, queries, items, SCALE, new Random(1));
    expect(Array.from(momentOf)).toEqual([0, 1, 2, 3]);
    const { assignments } = await encodeItems(codebook, items);
    const expected = new Float64Array(4 * DIM * DIM);
    const masses = new Float64Array(4);
    const sums = new Float64Array(4 * DIM * DIM);
    for (let q = 0; q < QUERIES; q++) {
      const query = queries.subarray(q * DIM, (q + 1) * DIM);
      const weights = Array.from({ length: COUNT }, (_, i) =>
        Math.exp(SCALE * query.reduce((sum, value, d) => sum + value * items[i * DIM + d]!, 0)),
      );
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const shares = [0, 1, 2, 3].map((cell) =>
        weights.reduce((sum, weight, i) => sum + (assignments[i] === cell ? weight / total : 0), 0),
      );
      shares.forEach((share, cell) => {
        // a thousandth of an average cell's share, so that no cell is without a query
        masses[cell]! += share + 0.001 / 4;
        for (let i = 0; i < DIM; i++)
          for (let j = 0; j < DIM; j++)
            sums[(cell * DIM + i) * DIM + j]! += (share + 0.001 / 4) * query[i]! * query[j]!;
      });
    }
    for (let cell = 0; cell < 4; cell++) {
      let trace = 0;
      for (let i = 0; i < DIM; i++) trace += sums[(cell * DIM + i) * DIM + i]! / masses[cell]!;
      for (let i = 0; i < DIM * DIM; i++)
        expected[cell * DIM * DIM + i] =
          sums[cell * DIM * DIM + i]! / masses[cell]! + (i % (DIM + 1) === 0 ? (0.1 * trace) / DIM : 0);
    }
    moments.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!), `moment ${i}`).toBeLessThan(1e-3);
    });
  });

  it("lets neighbouring cells share a moment where there are very many", async () => {
    const codebook = codebookOf(300);
    const { moments, momentOf } = await queryMoments(codebook, queries, items, SCALE, new Random(1));
    expect(moments.length).toBe(256 * DIM * DIM);
    expect(moments.every(Number.isFinite)).toBe(true);
    // those that have a moment of their own are spread evenly
    const own = spreadEvenly(300, 256);
    expect(Array.from(own, (cell) => momentOf[cell]!)).toEqual(Array.from(own, (_, moment) => moment));
    expect(Math.max(...momentOf)).toBeLessThan(256);
  });
});

describe.each(["mixture", "mean", "attention"] as const)("a model that reads histories as %s", (form) => {
  const drawn = { length: 8, sources: 10, targets: 4 };
  it("draws training queries, whose scores score-aware codes keep better than the nearest codes do", async () => {
    const { config, dataset } = readers(
      {
        model: { dim: 16, hiddenDim: form === "mixture" ? 0 : 32, itemNorm: "free", history: { as: form, ...drawn } },
        index: { nlist: 4, numSubQuantizers: 4, bufferSize: 512, warmup: 0.4, commitment: 10 },
      },
      { devices: form !== "mixture" },
    );
    const { model, layer } = await trainModel(config, dataset);
    const items = await model.itemVectors();
    const codebook = createCodebook({ ...(await layer.codebook()), metric: "innerProduct", byResidual: true });
    const draw = (seed: number): Promise<Float32Array> =>
      sampleQueryVectors(model, dataset, items, { count: 2000, random: new Random(seed) });
    const { dim } = model;
    const moments = await queryMoments(codebook, await draw(1), items, config.training.scale, new Random(1));
    const nearest = await encodeItems(codebook, items);
    const aware = await encodeItems(codebook, items, moments);
    expect(aware.assignments).toEqual(nearest.assignments);

    const others = await draw(2);
    expect(others.length).toBeGreaterThan(1000 * dim);
    /** Mean squared error of scores, each by the share of its query's softmax that the item has. */
    const scoreError = ({ assignments, codes }: typeof aware): number => {
      const decoded = decode(codebook, assignments, codes);
      let sum = 0;
      for (let q = 0; q < others.length; q += dim) {
        const scores = (rows: Float32Array) =>
          Array.from({ length: rows.length / dim }, (_, i) => {
            let score = 0;
            for (let d = 0; d < dim; d++) score += others[q + d]! * rows[i * dim + d]!;
            return score;
          });
        const [exact, coded] = [scores(items), scores(decoded)];
        const weights = exact.map((score) => Math.exp(config.training.scale * score));
        const total = weights.reduce((all, weight) => all + weight, 0);
        exact.forEach((score, i) => {
          sum += (weights[i]! / total) * (score - coded[i]!) ** 2;
        });
      }
      return sum / (others.length / dim);
    };
    expect(scoreError(aware)).toBeLessThan(0.8 * scoreError(nearest));
  });
});
