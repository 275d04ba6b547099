import { type ProgressStarter, silentProgress, withProgress } from "@poeem/offline/progress";
import { createQueryTower, newest, type Query, type QueryTowerWeights } from "@poeem/towers";
import { listOf } from "../data/csr.ts";
import { gather } from "../data/gather.ts";
import type { Dataset } from "../data/types.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { questionOf } from "../rank/query-encoder.ts";

/** Queries that both towers embed before an index is written. */
const COMPARED = 16_384;
const SLICE = 256;

/**
 * Embeds held-out queries with the published tower and with TensorFlow.js: training queries where none is held out, or
 * else the items' own sentences. Where a mixture leans from texts, these are embedded without their histories too.
 * @param items (count, dim) decoded vectors, which histories are read from
 * @returns the largest difference of a component
 */
export async function compareTowers(
  model: TwoTower,
  weights: QueryTowerWeights,
  dataset: Dataset,
  items: Float32Array,
  startProgress: ProgressStarter = silentProgress,
): Promise<number> {
  const { dim } = model;
  const exported = createQueryTower(weights);
  const { test, train, ownSentences } = dataset;
  const set = [test, train].find(({ count: queries }) => queries > 0) ?? ownSentences;
  const count = Math.min(set.count, COMPARED);
  let largest = 0;
  const compare = async (start: number, withHistories: boolean): Promise<void> => {
    const numbers = Uint32Array.from({ length: Math.min(SLICE, count - start) }, (_, i) => start + i);
    const lists = Array.from(numbers, (query) =>
      withHistories ? newest(listOf(set.histories, query), exported.reads.historyLength) : new Uint32Array(0),
    );
    const output = model.embedQueries({ set, numbers }, numbers.length, { lists, items });
    const expected = (await output.data()) as Float32Array;
    const places = output.shape[0] / numbers.length;
    output.dispose();
    numbers.forEach((query, i) => {
      const { history: _, ...others } = questionOf(set, dataset, query);
      const history = lists[i]!.length > 0 ? { history: gather(items, lists[i]!, dim) } : {};
      const found = exported.embed({ ...others, ...history } satisfies Query);
      const vectors = found instanceof Float32Array ? [found] : (found?.vectors ?? []);
      vectors.forEach((vector, place) => {
        const at = (i * places + place) * dim;
        vector.forEach((value, d) => {
          largest = Math.max(largest, Math.abs(value - expected[at + d]!));
        });
      });
    });
  };
  await withProgress(startProgress("compare towers", count, "queries"), async (tick) => {
    for (let start = 0; start < count; start += SLICE) {
      await compare(start, true);
      if (model.history?.leans) await compare(start, false);
      await tick(Math.min(start + SLICE, count));
    }
  });
  return largest;
}
