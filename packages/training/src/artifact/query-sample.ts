import type { Random } from "@poeem/indexing-layer";
import { l2Normalize, newest, tiltToMean } from "@poeem/towers";
import { listOf } from "../data/csr.ts";
import type { Dataset, Past } from "../data/types.ts";
import type { TwoTower } from "../model/two-tower.ts";

const SLICE = 256;

/** A query vector of each history, (histories.length, dim): of a mixture, one component drawn at random. */
export function drawComponents(
  histories: readonly Uint32Array[],
  items: Float32Array,
  { dim, tilt }: { readonly dim: number; readonly tilt: number },
  random: Random,
): Float32Array {
  const queries = new Float32Array(histories.length * dim);
  histories.forEach((history, i) => {
    const units = Array.from(history, (item) => l2Normalize(items.subarray(item * dim, (item + 1) * dim)));
    queries.set(tiltToMean(units, tilt)[random.integer(units.length)]!, i * dim);
  });
  return queries;
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
  const historyOf = (event: number): Uint32Array => newest(pastOfEvent(dataset, dataset.past!, event), history!.length);
  if (history?.form === "mixture" && !history.leans) {
    const histories = events.map(historyOf).filter((list) => list.length > 0);
    return drawComponents(histories, items, { dim, tilt: history.tilt }, random);
  }
  const vectors = new Float32Array(count * dim);
  for (let start = 0; start < count; start += SLICE) {
    const slice = events.slice(start, start + SLICE);
    const lists = slice.map(historyOf);
    const output = model.embedQueries({ events: slice }, slice.length, history && { lists, items });
    const places = output.shape[0] / slice.length;
    const values = (await output.data()) as Float32Array;
    output.dispose();
    lists.forEach((list, i) => {
      const place = places > 1 && list.length > 1 ? random.integer(list.length) : 0;
      const at = (i * places + place) * dim;
      vectors.set(values.subarray(at, at + dim), (start + i) * dim);
    });
  }
  return vectors;
}

/** What a training event may know of its user, oldest first. */
function pastOfEvent({ eventQuery, eventItem }: Dataset, { items, user, length }: Past, event: number): Uint32Array {
  const known = listOf(items, user[eventQuery[event]!]!).subarray(0, length[event]!);
  return known.filter((item) => item !== eventItem[event]);
}
