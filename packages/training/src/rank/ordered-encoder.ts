import { logSumExp, MASKED } from "@poeem/indexing-layer";
import { newest, rankWeights } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { listOf } from "../data/csr.ts";
import { gather, spreadEvenly } from "../data/gather.ts";
import type { QuerySet } from "../data/types.ts";
import type { HistoryPooling } from "../model/inputs/history.ts";
import type { QueryEncoder } from "./query-encoder.ts";

const SLICE = 256;
/** Items that stand for all in the sums of a large catalogue. */
const MOST_ITEMS = 16_384;

/**
 * Queries of ordered histories as the published tower would embed them, but for log Z, which is summed up instead of
 * fitted: without a tilt a component depends on its item alone, and so does its sum over the other items.
 *
 * @param items (count, dim)
 */
export async function orderedEncoder(
  history: HistoryPooling,
  queries: QuerySet,
  items: Float32Array,
  dim: number,
): Promise<QueryEncoder> {
  const components = await history.componentsOf();
  const { vectors, logZ } = await successors(history, items, dim);
  return (query) => {
    const list = newest(listOf(queries.histories, query), history.length);
    if (list.length === 0) return undefined;
    const logWeights = rankWeights(components, list.length).map((weight, i) => weight - logZ[list[i]!]!);
    const largest = Math.max(...logWeights);
    return {
      vectors: Array.from(list, (item) => vectors.subarray(item * dim, (item + 1) * dim)),
      merge: {
        by: "sumExp",
        temperature: history.scale,
        weights: Float32Array.from(logWeights, (weight) => Math.exp(weight - largest)),
      },
    };
  };
}

/** Of each item the component that it is in a history, (count, dim), and log Σ exp(scale · scores) of all others. */
async function successors(history: HistoryPooling, items: Float32Array, dim: number) {
  const count = items.length / dim;
  const vectors = new Float32Array(items.length);
  const logZ = new Float64Array(count);
  const competitors = spreadEvenly(count, MOST_ITEMS);
  const standFor = Math.log(count / competitors.length);
  const columnOf = new Map(Array.from(competitors, (item, column) => [item, column]));
  const transposed = tf.tidy(() =>
    tf.transpose(tf.tensor2d(gather(items, competitors, dim), [competitors.length, dim])),
  );
  for (let start = 0; start < count; start += SLICE) {
    const end = Math.min(start + SLICE, count);
    const itself: [number, number][] = [];
    for (let item = start; item < end; item++) {
      const column = columnOf.get(item);
      if (column !== undefined) itself.push([item - start, column]);
    }
    const [rows, sums] = tf.tidy(() => {
      const components = history.sources(tf.tensor2d(items.subarray(start * dim, end * dim), [end - start, dim]));
      const scores: tf.Tensor2D = tf.matMul(tf.mul(components, history.scale), transposed);
      const at = tf.tensor2d(itself.flat(), [itself.length, 2], "int32");
      const masked = tf.scatterND(at, tf.fill([itself.length], MASKED), scores.shape) as tf.Tensor2D;
      const logits = itself.length > 0 ? tf.add<tf.Tensor2D>(scores, masked) : scores;
      return [components, logSumExp(logits, tf.softmax(logits))];
    });
    vectors.set((await rows.data()) as Float32Array, start * dim);
    logZ.set(
      Array.from(await sums.data(), (sum) => sum + standFor),
      start,
    );
    tf.dispose([rows, sums]);
  }
  transposed.dispose();
  return { vectors, logZ };
}
