import { Random } from "@poeem/indexing-layer";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend.ts";
import { toCsr } from "../src/data/csr.ts";
import { buildLexicalIndex } from "../src/evaluate/bm25.ts";
import { overlapAtK, rankingMetrics } from "../src/evaluate/metrics.ts";
import { rankExhaustively, selectTop } from "../src/evaluate/rank.ts";

beforeAll(async () => {
  await useBackend("wasm");
});

describe("ranking", () => {
  it("selects what sorting selects, ties by smaller position", () => {
    const random = new Random(5);
    for (const k of [1, 3, 10, 40]) {
      const scores = Array.from({ length: 40 }, () => random.integer(8));
      const expected = scores
        .map((score, i) => ({ score, i }))
        .sort((a, b) => b.score - a.score || a.i - b.i)
        .slice(0, k);
      const out = new Uint32Array(k);
      selectTop(scores, k, out);
      expect([...out]).toEqual(expected.map(({ i }) => i));
    }
  });

  it("ranks exhaustively as double loops do", async () => {
    const random = new Random(6);
    const [n, count, dim, k] = [7, 50, 4, 5];
    const queries = Float32Array.from({ length: n * dim }, () => random.normal());
    const items = Float32Array.from({ length: count * dim }, () => random.normal());
    const ranked = await rankExhaustively(queries, items, dim, k, 3);
    for (let q = 0; q < n; q++) {
      const scores = Array.from({ length: count }, (_, i) => {
        let sum = 0;
        for (let d = 0; d < dim; d++) sum += queries[q * dim + d]! * items[i * dim + d]!;
        return { sum, i };
      });
      const expected = scores
        .sort((a, b) => b.sum - a.sum)
        .slice(0, k)
        .map(({ i }) => i);
      expect([...ranked.subarray(q * k, (q + 1) * k)]).toEqual(expected);
    }
  });
});

describe("rankingMetrics", () => {
  it("counts as by hand", () => {
    const list = (first: number[]): number[] => [
      ...first,
      ...Array.from({ length: 100 - first.length }, (_, i) => 1000 + i),
    ];
    // query 0: 2 right, one at place 1, the other at place 50; query 1: 20 right, 10 of them on top
    const at50 = list([7]);
    at50[49] = 8;
    const twenty = Array.from({ length: 20 }, (_, i) => i);
    const metrics = rankingMetrics([at50, list(twenty.slice(0, 10))], toCsr([[7, 8], twenty]));
    expect(metrics).toEqual({
      queries: 2,
      recallAt10: (0.5 + 0.5) / 2,
      recallAt100: (1 + 0.5) / 2,
      cappedRecallAt10: (0.5 + 1) / 2,
      hitAt10: 1,
    });
  });

  it("measures overlap against the exact list", () => {
    expect(overlapAtK([[1, 2, 3, 4]], [[4, 3, 9, 8]], 4)).toBe(0.5);
    expect(overlapAtK([[1, 2, 3, 4]], [[4, 3, 9, 8]], 2)).toBe(0);
  });
});

describe("buildLexicalIndex", () => {
  it("finds by any word, the rarer word counting more", () => {
    const index = buildLexicalIndex(["red cat", "blue cat", "green cat", "red owl"]);
    expect([...index.search("owl cat", 2)][0]).toBe(3);
    expect([...index.search("CAT", 10)].toSorted()).toEqual([0, 1, 2]);
    expect(index.search("zebra", 10)).toHaveLength(0);
  });
});
