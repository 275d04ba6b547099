import type { Metric } from "@poeem/pq-core";
import * as tf from "@tensorflow/tfjs";
import { MAX_SCORES } from "../codes/nearest.ts";
import { scaled } from "./space.ts";
import type { VectorStream } from "./stream.ts";

interface Best {
  readonly items: Uint32Array;
  readonly scores: Float64Array;
  count: number;
}

/**
 * The k nearest items of each query among vectors that need not fit into memory: best first, of equal ones the smaller
 * number first.
 *
 * @param queries (q, length), scaled
 * @param own the number of an item that is left out of a query's, or −1
 */
export async function searchExactly(
  stream: VectorStream,
  metric: Metric,
  queries: Float32Array,
  own: ArrayLike<number>,
  k: number,
): Promise<Uint32Array[]> {
  const { length } = stream;
  const q = queries.length / length;
  const best = Array.from({ length: q }, (): Best => {
    return { items: new Uint32Array(k), scores: new Float64Array(k), count: 0 };
  });
  const asked = tf.tensor2d(queries, [q, length]);
  const step = Math.max(1, Math.floor(MAX_SCORES / q));
  await stream.each(async (items, values) => {
    const vectors = scaled(values, { length, metric });
    for (let from = 0; from < items.length; from += step) {
      const rows = Math.min(step, items.length - from);
      const output = tf.tidy(() => {
        const slice = tf.tensor2d(vectors.subarray(from * length, (from + rows) * length), [rows, length]);
        const products = tf.matMul(asked, tf.transpose(slice));
        return metric === "l2" ? tf.sub(tf.mul(products, 2), tf.sum(tf.square(slice), 1)) : products;
      });
      const scores = await output.data();
      output.dispose();
      best.forEach((kept, query) => {
        for (let i = 0; i < rows; i++) {
          const item = items[from + i]!;
          if (item !== own[query]) insert(kept, item, scores[query * rows + i]!);
        }
      });
    }
  });
  asked.dispose();
  return best.map(({ items, count }) => items.slice(0, count));
}

function insert(best: Best, item: number, score: number): void {
  const { items, scores } = best;
  const comesBefore = (at: number): boolean => score > scores[at]! || (score === scores[at]! && item < items[at]!);
  if (best.count === items.length && !comesBefore(best.count - 1)) return;
  let at = best.count < items.length ? best.count++ : best.count - 1;
  for (; at > 0 && comesBefore(at - 1); at--) {
    items[at] = items[at - 1]!;
    scores[at] = scores[at - 1]!;
  }
  items[at] = item;
  scores[at] = score;
}
