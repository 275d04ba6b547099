import { type ProgressStarter, silentProgress, withProgress } from "@poeem/offline/progress";
import {
  createQueryTower,
  logPartition,
  type MixtureQuery,
  newest,
  type Partition,
  type Query,
  type QueryTowerWeights,
} from "@poeem/towers";
import { listOf } from "../data/csr.ts";
import { gather } from "../data/gather.ts";
import type { Catalogue } from "../data/types.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { questionOf } from "../rank/query-encoder.ts";

/** Queries that both towers embed before an index is written. */
const COMPARED = 16_384;
const SLICE = 256;

/**
 * Embeds held-out queries with the published tower and with TensorFlow.js: training queries where none is held out, or
 * else the items' own sentences. Where a mixture leans from texts, these are embedded without their histories too.
 * @param items (count, dim) decoded vectors, which histories are read from
 * @returns the largest difference of a component, or of the log weights of the ranks in a mixture
 */
export async function compareTowers(
  model: TwoTower,
  weights: QueryTowerWeights,
  dataset: Catalogue,
  items: Float32Array,
  startProgress: ProgressStarter = silentProgress,
): Promise<number> {
  const { dim } = model;
  const exported = createQueryTower(weights);
  const { test, train, ownSentences } = dataset;
  const set = [test, train].find(({ count: queries }) => queries > 0) ?? ownSentences;
  const count = Math.min(set.count, COMPARED);
  const partition = weights.inputs.find((input) => input.kind === "history")?.partition;
  const ranks = await ranksOf(model, exported.reads.historyLength);
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
      if (found && "vectors" in found && found.beside === undefined && partition)
        largest = Math.max(largest, rankDifference(found, partition, ranks));
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

/** Log weights of the ranks of a mixture as TensorFlow.js has them, the newest first. */
async function ranksOf({ history }: TwoTower, length: number): Promise<Float32Array> {
  if (!history?.isOrdered) return new Float32Array(length);
  const tensor = history.rankWeights(length);
  const ranks = Float32Array.from(await tensor.data());
  tensor.dispose();
  return ranks;
}

/** Below it a weight may stand for one that underflowed. */
const LEAST_COMPARED = 1e-30;

/** How far the log weights of a mixture, times Z, are from those of the ranks, up to a constant. */
function rankDifference({ vectors, weights }: MixtureQuery, partition: Partition, ranks: Float32Array): number {
  const offsets = vectors.flatMap((vector, i) => {
    const weight = weights[i]!;
    return weight > LEAST_COMPARED
      ? [Math.log(weight) + logPartition(partition, vector) - ranks[vectors.length - 1 - i]!]
      : [];
  });
  return offsets.reduce((most, offset) => Math.max(most, Math.abs(offset - offsets[0]!)), 0);
}
