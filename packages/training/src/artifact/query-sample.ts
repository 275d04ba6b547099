import { MASKED, type Random } from "@poeem/indexing-layer";
import { l2Normalize, tiltToMean } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { listOf } from "../data/csr.ts";
import type { Dataset, Past } from "../data/types.ts";
import type { TwoTower } from "../model/two-tower.ts";
import { gather } from "./gather.ts";

const SLICE = 256;

/** A query vector of each of some histories: of a mixture, the component of an item drawn at random. (histories.length, dim) */
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
 * Query vectors of training events drawn at random, as a search would have them: (at most `count`, dim).
 *
 * @param items (items, dim) vectors that histories are read from
 * @param length newest items of a history that are read
 */
export async function sampleQueryVectors(
  model: TwoTower,
  dataset: Dataset,
  items: Float32Array,
  { count, length, random }: { readonly count: number; readonly length: number; readonly random: Random },
): Promise<Float32Array> {
  const { dim, history } = model;
  const events = Array.from({ length: count }, () => random.integer(dataset.eventItem.length));
  const historyOf = (event: number): Uint32Array => pastOfEvent(dataset, dataset.past!, event).slice(-length);
  if (history?.form === "mixture") {
    const histories = events.map(historyOf).filter((list) => list.length > 0);
    return drawComponents(histories, items, { dim, tilt: history.tilt }, random);
  }
  const vectors = new Float32Array(count * dim);
  for (let start = 0; start < count; start += SLICE) {
    const slice = events.slice(start, start + SLICE);
    const contexts = dataset.eventContext && { rows: dataset.eventContext, of: Uint32Array.from(slice) };
    const queries = Uint32Array.from(slice, (event) => dataset.eventQuery[event]!);
    const output = tf.tidy(() => {
      const inputs = tf.tensor2d(model.queryInputs(dataset.queryRows, queries, contexts), [slice.length, dim]);
      if (!history) return model.query.call(inputs);
      const pooled = history.pool(...placed(slice.map(historyOf), items, dim));
      return model.query.call(tf.add(inputs, pooled) as tf.Tensor2D);
    });
    vectors.set((await output.data()) as Float32Array, start * dim);
    output.dispose();
  }
  return vectors;
}

/** What a training event may know of its user, oldest first. */
function pastOfEvent({ eventQuery, eventItem }: Dataset, { items, user, length }: Past, event: number): Uint32Array {
  const known = listOf(items, user[eventQuery[event]!]!).subarray(0, length[event]!);
  return known.filter((item) => item !== eventItem[event]);
}

/** Histories as `HistoryPooling` takes them: (G·S, dim) item vectors, and (G, S) which places are empty. */
export function placed(
  histories: readonly Uint32Array[],
  items: Float32Array,
  dim: number,
): [tf.Tensor2D, tf.Tensor2D] {
  const places = Math.max(1, ...histories.map((history) => history.length));
  const read = new Float32Array(histories.length * places * dim);
  const mask = new Float32Array(histories.length * places).fill(MASKED);
  histories.forEach((history, i) => {
    read.set(gather(items, history, dim), i * places * dim);
    mask.fill(0, i * places, i * places + history.length);
  });
  return [tf.tensor2d(read, [histories.length * places, dim]), tf.tensor2d(mask, [histories.length, places])];
}
