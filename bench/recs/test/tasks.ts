import { Random } from "@poeem/indexing-layer";
import { type Csr, toCsr } from "@poeem/training/data/csr";
import { rankingMetrics } from "@poeem/training/rank/metrics";
import type { Queries, Task } from "../task.ts";

/** Lists of made-up users: most of them walk on from an item to the next one. */
export function walks(users: number, numItems: number, length: number, seed: number): Csr {
  const random = new Random(seed);
  return toCsr(
    Array.from({ length: users }, () => {
      const items = new Set<number>();
      for (let at = random.integer(numItems); items.size < length; ) {
        items.add(at);
        at = random.uniform() < 0.8 ? (at + 1) % numItems : random.integer(numItems);
      }
      return [...items];
    }),
  );
}

/** Leave-one-out of lists: to learn from all but the last two, to choose by the last but one, to find the last. */
export function taskOfLists(lists: Csr, numItems: number, ordered = true): Task {
  const all = Array.from({ length: lists.offsets.length - 1 }, (_, i) =>
    Array.from(lists.values.subarray(lists.offsets[i], lists.offsets[i + 1])),
  );
  const queries = (left: number): Queries => ({
    count: all.length,
    texts: [],
    users: all.map((_, user) => String(user)),
    contexts: toCsr(all.map(() => [])),
    histories: toCsr(all.map((items) => items.slice(0, -left))),
    relevant: toCsr(all.map((items) => items.slice(-left, items.length - left + 1))),
  });
  const fit = toCsr(all.map((items) => items.slice(0, -2)));
  const validation = queries(2);
  return {
    ...{ numItems, ordered, fit, fitAll: fit, validation, test: queries(1), choose: "recallAt10" },
    score: (ranked) => rankingMetrics(ranked, validation.relevant).recallAt10,
  };
}
