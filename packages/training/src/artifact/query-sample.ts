import type { Random } from "@poeem/indexing-layer";
import { componentVectors, type HistoryComponents, newest, rankWeights } from "@poeem/towers";
import { knownBefore } from "../data/past.ts";
import type { Dataset } from "../data/types.ts";
import type { TwoTower } from "../model/two-tower.ts";

const SLICE = 256;

/** A component of each history, drawn at random by the weights of the ranks: (histories.length, dim). */
export function drawComponents(
  histories: readonly Uint32Array[],
  items: Float32Array,
  dim: number,
  components: HistoryComponents,
  random: Random,
): Float32Array {
  const queries = new Float32Array(histories.length * dim);
  const rowOf = (item: number): Float32Array => items.subarray(item * dim, (item + 1) * dim);
  histories.forEach((history, i) => {
    const at = drawIndex(rankWeights(components, history.length), random);
    // without a tilt a component knows nothing of the others
    const read = components.tilt ? Array.from(history, rowOf) : [rowOf(history[at]!)];
    queries.set(componentVectors(components, read)[components.tilt ? at : 0]!, i * dim);
  });
  return queries;
}

/** A position, with a probability that is the softmax of the log weights. */
function drawIndex(logWeights: Float64Array, random: Random): number {
  const largest = Math.max(...logWeights);
  const shares = logWeights.map((weight) => Math.exp(weight - largest));
  let left = random.uniform() * shares.reduce((sum, share) => sum + share, 0);
  for (let at = 0; at < shares.length; at++) {
    left -= shares[at]!;
    if (left < 0) return at;
  }
  return shares.length - 1;
}

/**
 * Query vectors of training events drawn at random, as a search would have them: (at most `count`, dim); of a mixture
 * one each, drawn at random.
 *
 * @param items (items, dim) vectors that histories are read from
 */
export async function sampleQueryVectors(
  model: TwoTower,
  dataset: Dataset,
  items: Float32Array,
  { count, random }: { readonly count: number; readonly random: Random },
): Promise<Float32Array> {
  const { dim, history } = model;
  const events = Array.from({ length: count }, () => random.integer(dataset.eventItem.length));
  const historyOf = (event: number): Uint32Array =>
    newest(
      knownBefore(dataset, event).filter((item) => item !== dataset.eventItem[event]),
      history!.length,
    );
  if (history?.form === "mixture" && !history.leans) {
    const histories = events.map(historyOf).filter((list) => list.length > 0);
    return drawComponents(histories, items, dim, await history.componentsOf(), random);
  }
  const vectors = new Float32Array(count * dim);
  for (let start = 0; start < count; start += SLICE) {
    const slice = events.slice(start, start + SLICE);
    const lists = history && slice.map(historyOf);
    const output = model.embedQueries({ events: slice }, slice.length, lists && { lists, items });
    const places = output.shape[0] / slice.length;
    const values = (await output.data()) as Float32Array;
    output.dispose();
    slice.forEach((_, i) => {
      const among = places > 1 ? lists![i]!.length : 1;
      const place = among > 1 ? random.integer(among) : 0;
      const at = (i * places + place) * dim;
      vectors.set(values.subarray(at, at + dim), (start + i) * dim);
    });
  }
  return vectors;
}
