import { Random } from "@poeem/indexing-layer";
import { openArtifact, scalarKernel } from "@poeem/pq-core";
import { createCodebook, encode as encodeItems, writeArtifact } from "@poeem/pq-core/write";
import { type QueryVectors, rowsOf } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { bytesPerItem } from "../src/artifact/summary.ts";
import { useBackend } from "../src/backend/backend.ts";
import { listOf, toCsr } from "../src/data/csr.ts";
import { indexAfterwards } from "../src/evaluate/afterwards.ts";
import { filledCells, measureAll, probeLadder } from "../src/evaluate/evaluation.ts";
import { rankExhaustively } from "../src/rank/dense-rank.ts";
import { decodedVectors, rankWithIndex } from "../src/rank/index-rank.ts";
import { overlapAtK } from "../src/rank/metrics.ts";
import type { QueryEncoder } from "../src/rank/query-encoder.ts";

const dim = 8;
const count = 300;
const k = 12;
const random = new Random(11);
const unit = (n: number): Float32Array => {
  const vectors = Float32Array.from({ length: n * dim }, () => random.normal());
  for (let i = 0; i < n; i++) {
    const row = vectors.subarray(i * dim, (i + 1) * dim);
    const norm = Math.hypot(...row);
    row.forEach((value, d) => {
      row[d] = value / norm;
    });
  }
  return vectors;
};
const items = unit(count);
/** Queries of one vector, or mixtures of up to `most`. */
const makeQueries = (n: number, most: number): QueryVectors[] =>
  Array.from({ length: n }, () => {
    const heads = 1 + random.integer(most);
    const vectors = rowsOf(unit(heads), dim);
    if (heads === 1 && random.uniform() < 0.5) return { vectors };
    const logWeights = Float32Array.from({ length: heads }, () => 20 * random.uniform() - 10);
    const weights = logWeights.map((weight) => Math.exp(weight - Math.max(...logWeights)));
    return { vectors, merge: { by: "sumExp", temperature: 5 + 30 * random.uniform(), weights, exact: false } };
  });
const seen = toCsr(
  Array.from({ length: 40 }, (_, q) => (q % 3 === 0 ? [] : Array.from(random.permutation(count)).slice(0, q))),
);

function score({ vectors, merge }: QueryVectors, all: Float32Array, item: number): number {
  const logs = vectors.map((vector, h) => {
    const product = vector.reduce((sum, value, d) => sum + value * all[item * dim + d]!, 0);
    return merge?.by === "sumExp" ? Math.log(merge.weights![h]!) + merge.temperature * product : product;
  });
  return logs.length === 1 ? logs[0]! : Math.log(logs.reduce((sum, x) => sum + Math.exp(x), 0));
}

/** The list must be as good as the best, place by place, and hold nothing of the history. */
function expectBest(list: ArrayLike<number>, query: QueryVectors, all: Float32Array, history: Uint32Array): void {
  const left = Array.from({ length: all.length / dim }, (_, i) => i).filter((i) => !history.includes(i));
  const best = left.map((item) => score(query, all, item)).sort((a, b) => b - a);
  expect(new Set(Array.from(list)).size).toBe(Math.min(k, left.length));
  Array.from(list).forEach((item, place) => {
    expect(history).not.toContain(item);
    expect(score(query, all, item)).toBeCloseTo(best[place]!, 3);
  });
}

beforeAll(async () => {
  await useBackend("wasm");
});

describe.each([
  ["one vector", 1],
  ["up to four vectors", 4],
])("queries of %s", (_, most) => {
  const queries = makeQueries(40, most);
  const encode: QueryEncoder = (query) => queries[query]!;

  it("are ranked exhaustively as double loops do, histories left out, no tensor left over", async () => {
    const tensors = tf.memory().numTensors;
    const ranked = await rankExhaustively(encode, { items, dim, k, seen });
    expect(tf.memory().numTensors).toBe(tensors);
    ranked.forEach((list, q) => {
      expectBest(list, queries[q]!, items, listOf(seen, q));
    });
  });

  it.each(["innerProduct", "cosine"] as const)(
    "are ranked by an index with all cells as exhaustively over its decoded vectors, %s",
    async (metric) => {
      const shape = { dim, metric, nlist: 4, numSubQuantizers: 4, nbits: 4 } as const;
      const index = await indexAfterwards(items, shape, "opq", 1);
      const ids = Array.from({ length: count }, (_, i) => i);
      const decoded = await decodedVectors(index, ids);
      const { ranked, scanned } = await rankWithIndex(index, encode, decoded, { ids, k, nprobe: 4, seen });
      expect(scanned).toBe(1);
      const normed = metric === "cosine" ? decoded.map((x, i) => x / norm(decoded, Math.floor(i / dim))) : decoded;
      ranked.forEach((list, q) => {
        expectBest(list, queries[q]!, normed, listOf(seen, q));
      });
      const few = await rankWithIndex(index, encode, decoded, { ids, k, nprobe: 1, seen });
      expect(few.scanned).toBeLessThan(1);
    },
  );
});

const norm = (vectors: Float32Array, i: number): number => Math.hypot(...vectors.subarray(i * dim, (i + 1) * dim));

describe("indexes made afterwards", () => {
  it("rebuild the vectors better with more bytes, and with OPQ than with PQ where axes are correlated", async () => {
    // the second half says what the first half says: two sub-quantizers see the same four dimensions
    const correlated = items.map((x, i) => (i % dim < dim / 2 ? x : items[i - dim / 2]! + 0.1 * x));
    const distortion = async (M: number, rotation: "none" | "opq"): Promise<number> => {
      const shape = { dim, metric: "innerProduct", nlist: 0, numSubQuantizers: M, nbits: 4 } as const;
      const index = await indexAfterwards(correlated, shape, rotation, 1);
      const decoded = await decodedVectors(
        index,
        Array.from({ length: count }, (_, i) => i),
      );
      return decoded.reduce((sum, x, i) => sum + (x - correlated[i]!) ** 2, 0) / count;
    };
    const [two, four, opq] = [await distortion(2, "none"), await distortion(4, "none"), await distortion(2, "opq")];
    expect(four).toBeLessThan(two);
    expect(opq).toBeLessThan(0.9 * two);
  });

  it("count the bytes of codes, and of the terms that other metrics need", () => {
    expect(bytesPerItem({ metric: "innerProduct", numSubQuantizers: 32, nbits: 4 })).toBe(16);
    expect(bytesPerItem({ metric: "cosine", numSubQuantizers: 32, nbits: 4 })).toBe(20.5);
    expect(bytesPerItem({ metric: "l2", numSubQuantizers: 8, nbits: 8 })).toBe(12);
  });
});

describe("an evaluation", () => {
  it("measures dense, the index at several nprobe, indexes afterwards at each size, and the baselines", async () => {
    const shape = { dim, metric: "innerProduct", nlist: 4, numSubQuantizers: 4, nbits: 4 } as const;
    const index = await indexAfterwards(items, shape, "opq", 1);
    const queries = makeQueries(40, 3);
    const encode: QueryEncoder = (query) => queries[query]!;
    const exact = await rankExhaustively(encode, { items, dim, k, seen });
    const relevant = toCsr(exact.map((list) => list.subarray(0, 2)));
    const rows = await measureAll({
      index,
      ids: Array.from({ length: count }, (_, i) => i),
      dense: items,
      encode,
      encodeFor: async () => encode,
      relevant,
      seen,
      unnamed: undefined,
      baselines: [{ name: "what dense says", bytesPerItem: 3, rank: () => exact }],
      // 3 bytes are 6 sub-quantizers, which 8 dimensions cannot be cut into
      afterwards: [1, 2, 3],
      seed: 1,
    });
    expect(rows.map(({ kind, bytesPerItem, nprobe }) => [kind, bytesPerItem, nprobe])).toEqual([
      ["dense", 32, null],
      ...[1, 2, 4].map((nprobe) => ["index", 2, nprobe]),
      ...[1, 2].flatMap((bytes) => ["ivf-pq", "ivf-opq"].map((kind) => [kind, bytes, 4])),
      ["baseline", 3, null],
    ]);
    expect(rows[0]).toMatchObject({ recallAt10: 1, overlapAt10: null, recallAt10Unnamed: null });
    expect(rows.at(-1)).toMatchObject({ recallAt10: 1, overlapAt10: 1 });
    const byProbes = rows.filter(({ kind }) => kind === "index");
    expect(byProbes.map(({ scanned }) => scanned)).toEqual(byProbes.map(({ scanned }) => scanned).toSorted());
    expect(byProbes.at(-1)!.overlapAt10).toBeGreaterThan(0.4);
    expect(byProbes[0]!.overlapAt10).toBeLessThan(byProbes.at(-1)!.overlapAt10!);
    expect(overlapAtK(exact, exact, 10)).toBe(1);
  });

  it("ends at the cells that have an item, past which every row is the same", async () => {
    const shape = { dim, nlist: 8, numSubQuantizers: 4, nbits: 4 } as const;
    const centroids = new Float32Array(16 * dim).fill(0.1);
    // five cells far from every item
    const coarse = Float32Array.from({ length: 8 * dim }, (_, i) => (i < 3 * dim ? items[i]! : 1e3));
    const codebook = createCodebook({
      ...{ ...shape, metric: "innerProduct", byResidual: true, coarseCentroids: coarse, centroids },
    });
    const ids = Array.from({ length: count }, (_, i) => i);
    const written = await writeArtifact({
      codebook,
      ...encodeItems(codebook, items),
      ids: Uint32Array.from(ids),
      defaultNprobe: 6,
    });
    const chunks = new Map(written.chunks.map(({ key, bytes }) => [key, bytes]));
    const source = { get: async (key: string) => chunks.get(key)! };
    const index = await openArtifact(source, written.manifestBytes, { kernel: scalarKernel });
    expect(filledCells(index)).toBe(3);
    const queries = makeQueries(20, 3);
    const ask: QueryEncoder = (query) => queries[query]!;
    const relevant = toCsr(queries.map(() => [1]));
    const none = toCsr(queries.map(() => []));
    const measured = async (probes?: number[]) => {
      const rows = await measureAll({
        ...{ index, ids, dense: items, encode: ask, encodeFor: async () => ask, relevant, seen: none, probes },
        ...{ unnamed: undefined, baselines: [], afterwards: [], seed: 1 },
      });
      return rows.filter(({ kind }) => kind === "index").map(({ name, nprobe }) => [name, nprobe]);
    };
    expect(await measured()).toEqual([
      ["index", 1],
      ["index", 2],
      ["index (default nprobe)", 3],
    ]);
    expect(await measured([2, 5, 8])).toEqual([
      ["index", 2],
      ["index (default nprobe)", 3],
    ]);
  });

  it("visits powers of two of the cells, the default and all", () => {
    expect(probeLadder(1, 1)).toEqual([1]);
    expect(probeLadder(20, 3)).toEqual([1, 2, 3, 4, 8, 16, 20]);
  });
});
