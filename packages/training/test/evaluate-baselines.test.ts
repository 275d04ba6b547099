import { Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { countsOf, toCsr } from "../src/data/csr.ts";
import { itemNeighbours, rankByNeighbours } from "../src/evaluate/item-knn.ts";
import { rankByPopularity } from "../src/evaluate/popularity.ts";

/** Users with random items, some items more likely than others, item 0 never touched. */
function randomUsers(seed: number, users: number, numItems: number): number[][] {
  const random = new Random(seed);
  return Array.from({ length: users }, () => [
    ...new Set(
      Array.from({ length: 1 + random.integer(8) }, () => 1 + Math.floor((numItems - 1) * random.uniform() ** 2)),
    ),
  ]);
}

describe("the popularity baseline", () => {
  it("gives every query the items with the most events that are not in its history", () => {
    const lists = toCsr([[0, 1, 2], [1, 2], [2, 3], [5]]);
    const counts = countsOf(lists.values, 6);
    expect([...counts]).toEqual([1, 2, 3, 1, 0, 1]);
    const ranked = rankByPopularity(counts, toCsr([[2], [], [0, 1, 2, 3, 4, 5]]), 3);
    expect(ranked.map((list) => [...list])).toEqual([[1, 0, 3], [2, 1, 0], []]);
  });
});

describe("the item-kNN baseline", () => {
  it.each([1, 3, 200])("ranks as double loops over users and items do, %i neighbours", (size) => {
    const numItems = 30;
    const users = randomUsers(3, 60, numItems);
    const ranked = rankByNeighbours(itemNeighbours(toCsr(users), numItems, size), toCsr(users), 10);
    const of = Array.from({ length: numItems }, (_, item) => users.filter((list) => list.includes(item)));
    const cosine = (i: number, j: number): number => {
      const both = of[i]!.filter((list) => list.includes(j)).length;
      return both === 0 ? 0 : Math.fround(both / Math.sqrt(of[i]!.length * of[j]!.length));
    };
    const nearest = Array.from({ length: numItems }, (_, i) =>
      Array.from({ length: numItems }, (_, j) => j)
        .filter((j) => j !== i && cosine(i, j) > 0)
        .sort((a, b) => cosine(i, b) - cosine(i, a) || a - b)
        .slice(0, size),
    );
    users.forEach((history, user) => {
      const score = (i: number): number =>
        history.reduce((sum, j) => sum + (nearest[i]!.includes(j) ? cosine(i, j) : 0), 0);
      const list = ranked[user]!;
      expect(list).toHaveLength(10);
      for (const item of list) expect(history).not.toContain(item);
      const left = Array.from({ length: numItems }, (_, i) => i).filter((i) => !history.includes(i));
      const best = left.map(score).sort((a, b) => b - a);
      // by score, place by place: which of two equal ones comes first depends on the last bit of a sum
      list.forEach((item, place) => {
        expect(score(item)).toBeCloseTo(best[place]!, 5);
      });
    });
  });
});
