import { Random } from "@poeem/indexing-layer";
import { listOf, toCsr } from "@poeem/training/data/csr";
import { itemNeighbours } from "@poeem/training/evaluate/item-knn";
import { describe, expect, it } from "vitest";
import { choose } from "../choose.ts";
import { measure } from "../measure.ts";
import { ITEM_KNN, neighboursOf } from "../peers/item-knn.ts";
import { followers, ORDERED, type OrderedSettings, rankByFollowers } from "../peers/ordered.ts";
import type { Peer, Ranked } from "../peers/peer.ts";
import { POPULARITY } from "../peers/popularity.ts";
import { entriesIn, entryBytes } from "../peers/sparse.ts";
import type { Task } from "../task.ts";
import { taskOfLists, walks } from "./tasks.ts";

const TASK = taskOfLists(walks(120, 40, 8, 1), 40);
const OPTIONS = { seeds: [1], python: undefined, bytes: [8, 16], say: () => undefined };

async function rankedBy(peer: Peer, task: Task): Promise<Ranked[]> {
  const all: Ranked[] = [];
  for await (const ranked of peer.rank(task, OPTIONS)) all.push(ranked);
  return all;
}

describe("figures", () => {
  it("are those of plain loops, in which every user counts alike", () => {
    const random = new Random(3);
    const lists = Array.from({ length: 50 }, () => [...random.permutation(300).subarray(0, 100)]);
    const wanted = lists.map(() => [...random.permutation(300).subarray(0, 1 + random.integer(30))]);
    const { measures, margins } = measure(lists, toCsr(wanted));
    for (const [name, k] of [["recallAt20", 20] as const, ["recallAt50", 50] as const]) {
      const each = lists.map(
        (list, q) => list.slice(0, k).filter((i) => wanted[q]!.includes(i)).length / wanted[q]!.length,
      );
      expect(measures[name]).toBeCloseTo(each.reduce((a, b) => a + b) / each.length, 12);
    }
    const gains = lists.map((list, q) => {
      const gain = (hits: boolean[]): number => hits.reduce((sum, hit, p) => sum + (hit ? 1 / Math.log2(p + 2) : 0), 0);
      const hits = list.slice(0, 10).map((item) => wanted[q]!.includes(item));
      return gain(hits) / gain(hits.map((_, p) => p < wanted[q]!.length));
    });
    expect(measures.ndcgAt10).toBeCloseTo(gains.reduce((a, b) => a + b) / gains.length, 12);
    expect(margins.recallAt20).toBeGreaterThan(0);
  });
});

describe("the choice of settings", () => {
  it("climbs to the top of a hill, trying nothing twice and leaving most of the grid alone", async () => {
    const values = Array.from({ length: 20 }, (_, i) => i);
    const tried: string[] = [];
    const found = await choose({ a: values, b: values }, { a: 10, b: 10 }, ({ a, b }) => {
      tried.push(`${a} ${b}`);
      return -((a - 3) ** 2) - (b - 17) ** 2;
    });
    expect(found.settings).toEqual({ a: 3, b: 17 });
    expect(new Set(tried).size).toBe(tried.length);
    expect(found.tried).toBe(tried.length);
    expect(tried.length).toBeLessThan(40);
  });
});

describe("rankings without ours", () => {
  it("rank all that is unknown to a user once, and learn nothing from what is held out", async () => {
    const { test } = TASK;
    // the same, but for what is to be found
    const blind: Task = { ...TASK, test: { ...test, relevant: toCsr(Array.from({ length: test.count }, () => [0])) } };
    for (const peer of [POPULARITY, ITEM_KNN, ORDERED]) {
      const all = await rankedBy(peer, TASK);
      expect(await rankedBy(peer, blind)).toEqual(all);
      for (const { ranked } of all) {
        for (const [query, list] of ranked.entries()) {
          const seen = new Set(listOf(test.histories, query));
          expect(new Set(Array.from(list)).size).toBe(TASK.numItems - seen.size);
          expect(Array.from(list).some((item) => seen.has(item))).toBe(false);
        }
      }
    }
  });

  it("an order is worth something where there is one, and is not used where there is none", async () => {
    const quality = async (peer: Peer) =>
      Math.max(
        ...(await rankedBy(peer, TASK)).map(({ ranked }) => measure(ranked, TASK.test.relevant).measures.ndcgAt10!),
      );
    expect(await quality(ORDERED)).toBeGreaterThan(1.1 * (await quality(ITEM_KNN)));
    expect(ORDERED.skipped!({ ...TASK, ordered: false }, undefined)).toBe("events have no order");
  });
});

describe("item-kNN", () => {
  it("is the plain one by its plain settings, and divides by what it says otherwise", () => {
    const lists = walks(50, 20, 5, 2);
    expect(neighboursOf(lists, 20, { neighbours: 200, shrink: 0, power: 0.5 })).toEqual(itemNeighbours(lists, 20));
    const { offsets, items, similarities } = neighboursOf(lists, 20, { neighbours: 200, shrink: 3, power: 0.2 });
    const usersOf = (item: number): number[] =>
      Array.from({ length: 50 }, (_, u) => u).filter((u) => listOf(lists, u).includes(item));
    for (let other = 0; other < 20; other++) {
      for (let at = offsets[other]!; at < offsets[other + 1]!; at++) {
        const [of, by] = [usersOf(items[at]!), usersOf(other)];
        const both = of.filter((user) => by.includes(user)).length;
        expect(similarities[at]).toBeCloseTo(both / (of.length ** 0.2 * by.length ** 0.8 + 3), 6);
      }
    }
  });
});

describe("ordered co-occurrence", () => {
  const settings: OrderedSettings = { decay: 0.8, backward: 0.3, window: 3, source: 0.5, target: 0.25, recency: 0.6 };

  it("is the sum over all pairs within the window, normalised", () => {
    const lists = walks(30, 12, 6, 4);
    const raw = Array.from({ length: 12 }, () => new Float64Array(12));
    for (let user = 0; user < 30; user++) {
      const items = listOf(lists, user);
      for (let a = 0; a < items.length; a++) {
        for (let b = a + 1; b < Math.min(items.length, a + 4); b++) {
          const weight = 0.8 ** (b - a - 1) / Math.sqrt(items.length);
          raw[items[a]!]![items[b]!]! += weight;
          raw[items[b]!]![items[a]!]! += 0.3 * weight;
        }
      }
    }
    const columns = raw.map((_, j) => raw.reduce((sum, row) => sum + row[j]!, 0));
    const table = followers(lists, 12, settings);
    const dense = raw.map(() => new Float64Array(12));
    for (let i = 0; i < 12; i++)
      for (let at = table.offsets[i]!; at < table.offsets[i + 1]!; at++)
        dense[i]![table.values[at]!] = table.weights[at]!;
    for (const [i, row] of raw.entries()) {
      const sum = row.reduce((a, b) => a + b);
      for (let j = 0; j < 12; j++) {
        const expected = row[j] === 0 ? 0 : row[j]! / (sum ** 0.5 * columns[j]! ** 0.25);
        expect(dense[i]![j]).toBeCloseTo(expected, 6);
      }
    }
  });

  it("lets the newest item of a history say most", () => {
    // 0 leads to 1, 2 leads to 3
    const table = followers(
      toCsr([
        [0, 1],
        [2, 3],
      ]),
      4,
      settings,
    );
    const rank = (history: number[]) => rankByFollowers(table, { count: 1, histories: toCsr([history]) }, 0.6)[0]!;
    expect(rank([0, 2])[0]).toBe(3);
    expect(rank([2, 0])[0]).toBe(1);
  });
});

it("what is pruned fits into its bytes", () => {
  for (const columns of [200, 256, 257, 10_000, 65_536, 65_537, 1_000_000]) {
    for (const bytes of [8, 16, 32, 64]) {
      const entries = entriesIn(bytes, columns);
      expect(entries * entryBytes(columns)).toBeLessThanOrEqual(bytes);
      expect((entries + 1) * entryBytes(columns)).toBeGreaterThan(bytes);
    }
  }
  expect([256, 257, 65_537].map(entryBytes)).toEqual([3, 4, 6]);
  expect(entriesIn(64, 5)).toBe(5);
});
