import * as tf from "@tensorflow/tfjs";

/** Numbers of a matrix of scores: 16 MB. */
export const MAX_SCORES = 1 << 22;

/**
 * For each query its `count` nearest vectors by the distance ‖q‖² − 2·q·x + term, nearest first, once by each of the
 * given terms.
 *
 * @param queries (q, dim)
 * @param vectors (n, dim), n at least `count`
 * @param terms rows of n numbers; ‖x‖² for distances as they are
 * @returns for each row of terms, for each query, `count` numbers of vectors
 */
export async function nearestBy(
  queries: Float32Array,
  vectors: Float32Array,
  dim: number,
  terms: readonly Float32Array[],
  count: number,
): Promise<Int32Array[][]> {
  const n = vectors.length / dim;
  const found = terms.map((): Int32Array[] => []);
  // products that transpose on their own take the wasm backend many times as long
  const columns = tf.tidy(() => tf.transpose(tf.tensor2d(vectors, [n, dim])));
  const rows = Math.max(1, Math.floor(MAX_SCORES / n));
  for (let from = 0; from < queries.length / dim; from += rows) {
    const slice = queries.subarray(from * dim, (from + rows) * dim);
    const doubled = tf.tidy(() => tf.mul(tf.matMul(tf.tensor2d(slice, [slice.length / dim, dim]), columns), 2));
    for (const [i, row] of terms.entries()) {
      const indices = tf.tidy(() => tf.topk(tf.sub(doubled, tf.tensor1d(row)), count).indices);
      const numbers = (await indices.data()) as Int32Array;
      for (let at = 0; at < numbers.length; at += count) found[i]!.push(numbers.slice(at, at + count));
      indices.dispose();
    }
    doubled.dispose();
  }
  columns.dispose();
  return found;
}

/** ‖x‖² of rows: (n). */
export function squaresOf(vectors: Float32Array, dim: number): Float32Array {
  const squares = new Float32Array(vectors.length / dim);
  for (let i = 0; i < squares.length; i++) {
    let square = 0;
    for (let d = i * dim; d < (i + 1) * dim; d++) square += vectors[d]! ** 2;
    squares[i] = square;
  }
  return squares;
}
