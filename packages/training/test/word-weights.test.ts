import { Random } from "@poeem/indexing-layer";
import { expect, it } from "vitest";
import { toCsr } from "../src/data/csr.ts";
import type { Candidates } from "../src/words/candidates.ts";
import { rankCandidates } from "../src/words/candidates.ts";
import { usualScore } from "../src/words/near.ts";
import { chooseWeights, describeWeights, lambdaOf, type TriedQueries, usualLambda } from "../src/words/weights.ts";

const ITEMS = 50;
const rank = Uint32Array.from({ length: ITEMS }, (_, i) => i);

const NOISE = { dense: 50, words: 50 };

/** Queries whose right item is told by either side with so much noise. */
function queries(count: number, noise: { readonly dense: number; readonly words: number }): TriedQueries {
  const random = new Random(3);
  const right = Array.from({ length: count }, () => random.integer(ITEMS));
  const candidates = right.map((item): Candidates => {
    const ordinals = Array.from({ length: ITEMS }, (_, i) => i);
    const score = (of: number) => ordinals.map((i) => (i === item ? 0.2 : 0) + of * random.uniform());
    const dense = score(noise.dense);
    const shares = score(noise.words);
    return { ordinals, dense, byText: dense, shares, named: ordinals.map(() => false) };
  });
  return { candidates, relevant: toCsr(right.map((item) => [item])), rank };
}

it("weighs words alone where they are right and codes are noise, and the other way round", () => {
  expect(lambdaOf(chooseWeights(queries(300, { dense: 50, words: 0.15 }), 1))).toBe(0);
  expect(lambdaOf(chooseWeights(queries(300, { dense: 0.15, words: 50 }), 1))).toBe(Infinity);
});

it("weighs both where both are half right", () => {
  const { dense, words, tried } = chooseWeights(queries(1000, { dense: 0.4, words: 0.4 }), 1);
  expect(lambdaOf({ dense, words })).toBeGreaterThanOrEqual(0.5);
  expect(lambdaOf({ dense, words })).toBeLessThanOrEqual(2);
  expect(tried.map(lambdaOf)).toEqual([0, 0.25, 0.5, 1, 2, 4, 8, Infinity]);
  const best = Math.max(...tried.map(({ recallAt10, ndcgAt10 }) => recallAt10 + ndcgAt10));
  const own = tried.find((one) => lambdaOf(one) === lambdaOf({ dense, words }))!;
  expect(own.recallAt10 + own.ndcgAt10).toBe(best);
});

it("takes the weight nearest to 1 of several that are as good", () => {
  expect(lambdaOf(chooseWeights(queries(120, { dense: 0.1, words: 0.1 }), 1))).toBe(1);
});

it("keeps the usual weight where fewer than 100 queries leave a doubt, or there are fewer than 10", () => {
  for (const usual of [0.25, 1]) {
    for (const of of [
      queries(99, { dense: 0.3, words: 0.3 }),
      queries(9, { dense: 50, words: 0.1 }),
      queries(0, NOISE),
    ]) {
      const choice = chooseWeights(of, usual);
      expect(choice).toEqual({ dense: usual, words: 1, queries: of.candidates.length, tried: [] });
      expect(describeWeights(choice)).toEqual([
        `weight of codes beside words ${usual}: fewer than 100 validation queries with a text change the usual one ` +
          `only beyond doubt, got ${of.candidates.length}`,
      ]);
    }
  }
});

it("changes the usual weight where even a few queries leave none", () => {
  for (const count of [10, 40, 99]) {
    expect(lambdaOf(chooseWeights(queries(count, { dense: 50, words: 0.1 }), 1))).toBeLessThan(1);
    expect(lambdaOf(chooseWeights(queries(count, { dense: 0.1, words: 50 }), 0.25))).toBeGreaterThan(1);
  }
});

it("trusts codes less the fewer events there are", () => {
  expect([0, 0.01, 3.9, 4, 100].map(usualLambda)).toEqual([0.125, 0.25, 0.25, 1, 1]);
});

it("says what it means that one side adds nothing", () => {
  const [said, why] = describeWeights(chooseWeights(queries(300, { dense: 50, words: 0.15 }), 1));
  expect(said).toMatch(/^weight of codes beside words 0, chosen from 300 validation queries; recall@10 \/ nDCG@10 by/);
  expect(why).toMatch(/^codes add nothing to words here/);
  expect(describeWeights(chooseWeights(queries(300, { dense: 0.15, words: 50 }), 1))[1]).toMatch(/^words add nothing/);
});

it("ranks as a search does: a name first, then by score, then by id", () => {
  const candidates = {
    ordinals: [4, 2, 7, 1],
    dense: [0.5, 0.9, 0.1, 0.5],
    byText: [],
    shares: [0.5, 0.2, 0, 0.5],
    named: [false, false, true, false],
  };
  expect(rankCandidates(candidates, { dense: 1, words: 1 }, [9, 8, 7, 6, 5, 4, 3, 2])).toEqual([7, 2, 4, 1]);
  expect(rankCandidates(candidates, { dense: 0, words: 1 }, rank)).toEqual([7, 1, 4, 2]);
});

it("takes for usual the median best score of the queries that have a vector", () => {
  const of = (...scores: number[][]): number | undefined => usualScore(scores.map((byText) => ({ byText })));
  expect(of([0.1, 0.9, 0.2], [0.5, 0.3], [0.4])).toBe(0.5);
  expect(of([0.1, 0.9, 0.2], [0, 0, 0], [])).toBe(0.9);
  expect(of([0, 0])).toBeUndefined();
  expect(of()).toBeUndefined();
});
