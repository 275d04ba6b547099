import * as tf from "@tensorflow/tfjs";
import { selectTop } from "./top-items.ts";

/**
 * Exact search: for each query the k items of largest inner product, best first, ties by smaller item number.
 * Scores come from one matrix product a slice of queries; the selection keeps a sorted list per query.
 *
 * @param queries (n, dim)
 * @param items (count, dim)
 * @returns item numbers, (n, k)
 */
export async function rankExhaustively(
  queries: Float32Array,
  items: Float32Array,
  dim: number,
  k: number,
  slice = 256,
): Promise<Uint32Array> {
  const n = queries.length / dim;
  const count = items.length / dim;
  const top = Math.min(k, count);
  const result = new Uint32Array(n * top);
  const itemsT = tf.tidy(() => tf.transpose(tf.tensor2d(items, [count, dim])) as tf.Tensor2D);
  for (let start = 0; start < n; start += slice) {
    const rows = Math.min(slice, n - start);
    const product = tf.tidy(() =>
      tf.matMul(tf.tensor2d(queries.subarray(start * dim, (start + rows) * dim), [rows, dim]), itemsT),
    );
    const scores = (await product.data()) as Float32Array;
    product.dispose();
    for (let row = 0; row < rows; row++) {
      selectTop(
        scores.subarray(row * count, (row + 1) * count),
        top,
        result.subarray((start + row) * top, (start + row + 1) * top),
      );
    }
  }
  itemsT.dispose();
  return result;
}
