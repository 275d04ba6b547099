import { Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { toCsr } from "../src/data/csr.ts";
import type { ItemTable } from "../src/data/types.ts";
import { buildLexicalIndex } from "../src/evaluate/bm25.ts";
import { buildBm25fIndex } from "../src/evaluate/bm25f.ts";
import { withoutSeen } from "../src/evaluate/inverted-file.ts";
import { buildTfidfIndex } from "../src/evaluate/tfidf.ts";
import { CUTOFFS, overlapAtK, rankingMetrics } from "../src/rank/metrics.ts";
import { selectTop, topUnseen } from "../src/rank/top-items.ts";

describe("the best of many scores", () => {
  it("is what sorting selects, ties by smaller position", () => {
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

  it("leaves out a history, and returns fewer when fewer are left", () => {
    expect([...topUnseen(Float32Array.of(5, 4, 3, 2), [0, 2, 0], 3)]).toEqual([1, 3]);
    expect([...topUnseen(Float32Array.of(5, 4, 3, 2), [], 2)]).toEqual([0, 1]);
  });
});

describe("rankingMetrics", () => {
  const fillers = (first: number[]): number[] => [
    ...first,
    ...Array.from({ length: 100 - first.length }, (_, i) => 1000 + i),
  ];

  it("counts as by hand", () => {
    // query 0: 2 right, one at place 1, the other at place 50; query 1: 20 right, 10 of them on top
    const at50 = fillers([7]);
    at50[49] = 8;
    const twenty = Array.from({ length: 20 }, (_, i) => i);
    const metrics = rankingMetrics([at50, fillers(twenty.slice(0, 10))], toCsr([[7, 8], twenty]));
    expect(metrics.queries).toBe(2);
    expect(metrics.recallAt1).toBeCloseTo((1 / 2 + 1 / 20) / 2, 12);
    expect(metrics.recallAt10).toBe((0.5 + 0.5) / 2);
    expect(metrics.recallAt100).toBe((1 + 0.5) / 2);
    expect(metrics.cappedRecallAt10).toBe((0.5 + 1) / 2);
    expect(metrics.precisionAt10).toBeCloseTo((1 / 10 + 10 / 10) / 2, 12);
    expect(metrics.hitAt10).toBe(1);
    // query 0 of 2 possible: (1 + 0) / (1 + 1/log2 3) = .61315 at 10, (1 + 1/log2 51) / 1.63093 = .72124 at 50; query
    // 1: all of 10 at 10
    expect(metrics.ndcgAt10).toBeCloseTo((0.6131472 + 1) / 2, 6);
    expect(rankingMetrics([at50], toCsr([[7, 8]])).ndcgAt50).toBeCloseTo(
      (1 + 1 / Math.log2(51)) / (1 + 1 / Math.log2(3)),
      12,
    );
  });

  it("agrees with the definitions, term by term, on random lists of any length", () => {
    const random = new Random(8);
    for (let trial = 0; trial < 50; trial++) {
      const list = Array.from(random.permutation(120)).slice(0, random.integer(121));
      const relevant = Array.from(random.permutation(120)).slice(0, 1 + random.integer(30));
      const metrics = rankingMetrics([list], toCsr([relevant]));
      for (const k of CUTOFFS) {
        const hits = list.slice(0, k).map((item) => (relevant.includes(item) ? 1 : 0));
        const found = hits.reduce<number>((a, b) => a + b, 0);
        const dcg = (gains: readonly number[]): number =>
          gains.reduce<number>((sum, gain, place) => sum + gain / Math.log2(place + 2), 0);
        expect(metrics[`recallAt${k}`]).toBeCloseTo(found / relevant.length, 12);
        expect(metrics[`cappedRecallAt${k}`]).toBeCloseTo(found / Math.min(k, relevant.length), 12);
        expect(metrics[`precisionAt${k}`]).toBeCloseTo(found / k, 12);
        expect(metrics[`hitAt${k}`]).toBe(found > 0 ? 1 : 0);
        const best = Array.from({ length: Math.min(k, relevant.length) }, () => 1);
        expect(metrics[`ndcgAt${k}`]).toBeCloseTo(dcg(hits) / dcg(best), 12);
      }
    }
  });

  it("cuts lists anywhere up to 1000 beside the usual places, as computed term by term", () => {
    const random = new Random(12);
    const cutoffs = [3, 7, 20, 333, 1000];
    const lists = Array.from({ length: 20 }, () =>
      Array.from(random.permutation(1200)).slice(0, 400 + random.integer(800)),
    );
    const relevant = lists.map(() => Array.from(random.permutation(1200)).slice(0, 1 + random.integer(500)));
    const metrics = rankingMetrics(lists, toCsr(relevant), { cutoffs });
    const mean = (of: (list: number[], right: number[]) => number): number =>
      lists.reduce((sum, list, query) => sum + of(list, relevant[query]!), 0) / lists.length;
    const gains = (hits: readonly boolean[]): number =>
      hits.reduce((sum, hit, place) => sum + (hit ? 1 / Math.log2(place + 2) : 0), 0);
    for (const k of [...CUTOFFS, ...cutoffs]) {
      const found = (list: number[], right: number[]): boolean[] =>
        list.slice(0, k).map((item) => right.includes(item));
      const count = (list: number[], right: number[]): number => found(list, right).filter(Boolean).length;
      const best = (right: number[]): number => gains(Array.from({ length: Math.min(k, right.length) }, () => true));
      expect(metrics[`recallAt${k}`]).toBeCloseTo(
        mean((list, right) => count(list, right) / right.length),
        12,
      );
      expect(metrics[`precisionAt${k}`]).toBeCloseTo(
        mean((list, right) => count(list, right) / k),
        12,
      );
      expect(metrics[`ndcgAt${k}`]).toBeCloseTo(
        mean((list, right) => gains(found(list, right)) / best(right)),
        12,
      );
      expect(metrics.margin95[`ndcgAt${k}`]).toBeGreaterThanOrEqual(0);
    }
    const usual = rankingMetrics(lists, toCsr(relevant));
    expect(usual["recallAt3"]).toBeUndefined();
    expect(usual.ndcgAt100).toBe(metrics.ndcgAt100);
  });

  it.each([0, -1, 1.5, 1001, Number.NaN])("refuses to cut at %d", (k) => {
    const refused = () => rankingMetrics([[1]], toCsr([[1]]), { cutoffs: [10, k] });
    expect(refused).toThrow(expect.objectContaining({ parameter: "cutoffs" }));
    expect(refused).toThrow(`expected integers of 1 to 1000, got ${k}`);
  });

  it("gives the 95 % interval of the mean, and counts selected queries only", () => {
    // hits 1, 0, 1, 1: mean .75, variance of one query .25, so 1.96 · √(.25 / 4) = .49
    const ranked = [[1], [2], [1], [1]];
    const relevant = toCsr([[1], [1], [1], [1]]);
    expect(rankingMetrics(ranked, relevant).margin95.hitAt1).toBeCloseTo(0.49, 12);
    const chosen = rankingMetrics(ranked, relevant, { selected: Uint32Array.of(1, 3) });
    expect(chosen.queries).toBe(2);
    expect(chosen.hitAt1).toBe(0.5);
    expect(rankingMetrics([[1]], toCsr([[1]])).margin95.hitAt1).toBe(0);
  });

  it("says the same of the same queries in any order, to the last digit", () => {
    const random = new Random(5);
    const lists = Array.from({ length: 200 }, () => Array.from(random.permutation(120)));
    const relevant = lists.map(() => Array.from(random.permutation(120)).slice(0, 1 + random.integer(30)));
    const order = Array.from(random.permutation(200));
    const moved = rankingMetrics(
      order.map((i) => lists[i]!),
      toCsr(order.map((i) => relevant[i]!)),
    );
    expect(moved).toEqual(rankingMetrics(lists, toCsr(relevant)));
  });

  it("measures overlap against the exact list", () => {
    expect(overlapAtK([[1, 2, 3, 4]], [[4, 3, 9, 8]], 4)).toBe(0.5);
    expect(overlapAtK([[1, 2, 3, 4]], [[4, 3, 9, 8]], 2)).toBe(0);
    expect(overlapAtK([[1, 2], []], [[2, 3], []], 2)).toBe(0.5);
  });
});

describe("lexical baselines", () => {
  const texts = ["red cat", "blue cat", "green cat", "red owl"];
  it.each([
    ["BM25", buildLexicalIndex(texts)],
    ["TF-IDF", buildTfidfIndex(texts)],
  ])("%s finds by any word, the rarer word counting more", (_, index) => {
    expect([...index.search("owl cat", 2)][0]).toBe(3);
    expect([...index.search("CAT", 10)].toSorted()).toEqual([0, 1, 2]);
    expect(index.search("zebra", 10)).toHaveLength(0);
  });

  it("TF-IDF ranks by the cosine of the vectors", () => {
    const documents = ["a b b", "b c", "c c c d", "a"];
    const n = documents.length;
    const terms = ["a", "b", "c", "d"];
    const idf = terms.map((t) => 1 + Math.log((1 + n) / (1 + documents.filter((d) => d.includes(t)).length)));
    const vectorOf = (text: string): number[] =>
      terms.map((t, i) => text.split(" ").filter((word) => word === t).length * idf[i]!);
    const query = vectorOf("b c");
    const cosine = documents.map((d) => {
      const v = vectorOf(d);
      return v.reduce((sum, x, i) => sum + x * query[i]!, 0) / Math.hypot(...v);
    });
    const expected = [0, 1, 2].toSorted((a, b) => cosine[b]! - cosine[a]!);
    expect([...buildTfidfIndex(documents).search("b c", 10)]).toEqual(expected);
  });

  it("BM25F ranks as plain loops over terms, items and fields do", () => {
    const random = new Random(17);
    const vocabulary = Array.from({ length: 25 }, (_, i) => `word${String.fromCharCode(97 + i)}`);
    const text = (most: number): string =>
      Array.from({ length: random.integer(most + 1) }, () => vocabulary[Math.floor(25 * random.uniform() ** 2)]!).join(
        " ",
      );
    const count = 60;
    const columns = {
      title: Array.from({ length: count }, () => text(4)),
      body: Array.from({ length: count }, (_, i) => (i % 3 === 0 ? null : text(30))),
      never: Array.from({ length: count }, () => ""),
    };
    const items = {
      count,
      texts: new Map(Object.entries(columns)),
      numbers: new Map(),
      vectors: new Map(),
      fields: new Map(),
    } as ItemTable;
    const asked = Array.from({ length: 40 }, () => text(3));
    const lists = Array.from({ length: count }, (_, i) =>
      i % 2 ? Array.from(random.permutation(40)).slice(0, i % 5) : [],
    );
    const index = buildBm25fIndex(items, Object.keys(columns), { texts: asked, lists: toCsr(lists) });
    const wordsOf = (of: string | null): string[] => (of ?? "").split(" ").filter(Boolean);
    const fields = [
      ...Object.values(columns).map((column) => column.map(wordsOf)),
      lists.map((queries) => queries.flatMap((query) => wordsOf(asked[query]!))),
    ];
    const frequency = (word: string, item: number): number => {
      let sum = 0;
      for (const field of fields) {
        const filled = field.filter((list) => list.length > 0);
        const mean = filled.reduce((total, list) => total + list.length, 0) / filled.length;
        const list = field[item]!;
        if (list.length > 0) sum += list.filter((one) => one === word).length / (0.25 + (0.75 * list.length) / mean);
      }
      return sum;
    };
    const everyItem = Array.from({ length: count }, (_, i) => i);
    for (let trial = 0; trial < 20; trial++) {
      // a word that is asked twice counts twice, an unknown one not at all
      const query = `${text(4)} ${vocabulary[trial]} ${vocabulary[trial]} zebra`;
      const score = (item: number): number =>
        wordsOf(query).reduce((sum, word) => {
          const having = everyItem.filter((one) => frequency(word, one) > 0).length;
          const tf = frequency(word, item);
          return sum + (Math.log(1 + (count - having + 0.5) / (having + 0.5)) * tf) / (tf + 1.2);
        }, 0);
      const scores = everyItem.map(score);
      const found = index.search(query, 15);
      const best = scores.filter((one) => one > 0).sort((a, b) => b - a);
      expect(found).toHaveLength(Math.min(15, best.length));
      found.forEach((item, place) => {
        expect(scores[item]).toBeCloseTo(best[place]!, 5);
      });
    }
  });

  it("leave out what a user had before", () => {
    expect([...withoutSeen(Uint32Array.of(4, 2, 9, 1), Uint32Array.of(2, 1), 2)]).toEqual([4, 9]);
    expect([...withoutSeen(Uint32Array.of(4, 2, 9), new Uint32Array(0), 2)]).toEqual([4, 2]);
  });
});
