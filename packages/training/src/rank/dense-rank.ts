import type { QueryVectors } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { type Csr, listOf } from "../data/csr.ts";
import type { QueryEncoder } from "./query-encoder.ts";
import { topUnseen } from "./top-items.ts";

/** Query vectors of one matrix product: (heads, items) floats are in memory a few times. */
const SLICE_HEADS = 256;

export interface DenseRanking {
  readonly items: Float32Array;
  readonly dim: number;
  readonly k: number;
  /** Item numbers left out of each query's ranking. */
  readonly seen: Csr;
  readonly onQuery?: ((done: number) => void) | undefined;
}

/**
 * Exact search: for each query the k items of largest score, best first, ties by smaller item number, the items of its
 * history left out; none where nothing is known of the query. All scores of a slice of queries come from matrix
 * products.
 *
 * @param encode query vectors by query number; asked for once each, in order
 * @param ranking items (count, dim)
 */
export async function rankExhaustively(encode: QueryEncoder, ranking: DenseRanking): Promise<Uint32Array[]> {
  const { items, dim, k, seen, onQuery } = ranking;
  const count = items.length / dim;
  const n = seen.offsets.length - 1;
  const ranked: Uint32Array[] = [];
  const nothing: QueryVectors = { vectors: [new Float32Array(dim)] };
  const itemsT = tf.tidy(() => tf.transpose(tf.tensor2d(items, [count, dim])) as tf.Tensor2D);
  try {
    let slice: QueryVectors[] = [];
    let heads = 0;
    for (let query = 0; query < n; query++) {
      const next = encode(query, items) ?? nothing;
      slice.push(next);
      heads += next.vectors.length;
      if (heads < SLICE_HEADS && query + 1 < n) continue;
      const scores = await scoreSlice(slice, itemsT, dim, heads);
      for (let q = 0; q < slice.length; q++) {
        const row = scores.subarray(q * count, (q + 1) * count);
        const most = slice[q] === nothing ? 0 : k;
        ranked.push(topUnseen(row, listOf(seen, ranked.length), most));
      }
      onQuery?.(ranked.length);
      slice = [];
      heads = 0;
    }
  } finally {
    itemsT.dispose();
  }
  return ranked;
}

/**
 * Scores (queries, items) of a slice: inner products, or where a query has several vectors the mixture Σ_h w_h
 * exp(l_h), up to a factor of the query's own. With softmax(l)_i = exp(l_i − max l) / Z and so 1 / Z = max
 * softmax(l), the fused softmax serves as the exponential: on the wasm backend it is several times as fast as `exp`.
 */
async function scoreSlice(
  slice: readonly QueryVectors[],
  itemsT: tf.Tensor2D,
  dim: number,
  heads: number,
): Promise<Float32Array> {
  const vectors = new Float32Array(heads * dim);
  let head = 0;
  for (const { vectors: own, merge } of slice) {
    const times = heads === slice.length || merge?.by !== "sumExp" ? 1 : merge.temperature;
    for (const vector of own) {
      for (let d = 0; d < dim; d++) vectors[head * dim + d] = times * vector[d]!;
      head++;
    }
  }
  const logits = tf.tidy(() => tf.matMul(tf.tensor2d(vectors, [heads, dim]), itemsT));
  if (heads === slice.length) return readAndDispose(logits);
  const shares = tf.softmax(logits);
  const [largest, largestShare] = await Promise.all(
    [logits, shares].map((tensor) => readAndDispose(tf.max(tensor, 1))),
  );
  const weights = headWeights(slice, heads, largest!, largestShare!);
  const scores = tf.tidy(() => tf.matMul(tf.tensor2d(weights, [slice.length, heads]), shares));
  tf.dispose([logits, shares]);
  return readAndDispose(scores);
}

/** (queries, heads): the weight of each vector's softmax in its query's score, the largest logit taken off. */
function headWeights(
  slice: readonly QueryVectors[],
  heads: number,
  largest: Float32Array,
  largestShare: Float32Array,
): Float32Array {
  const weights = new Float32Array(slice.length * heads);
  let head = 0;
  for (const [q, { vectors, merge }] of slice.entries()) {
    const end = head + vectors.length;
    const weightOf = (h: number): number => (merge?.by === "sumExp" && merge.weights ? merge.weights[h]! : 1);
    const logs = largest.slice(head, end).map((logit, h) => logit + Math.log(weightOf(h)));
    const top = logs.reduce((a, b) => Math.max(a, b));
    for (let h = head; h < end; h++) weights[q * heads + h] = Math.exp(logs[h - head]! - top) / largestShare[h]!;
    head = end;
  }
  return weights;
}

async function readAndDispose(tensor: tf.Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array;
  tensor.dispose();
  return values;
}
