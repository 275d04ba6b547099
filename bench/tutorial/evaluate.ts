import * as tf from "@tensorflow/tfjs-core";
import { numItems, numQueries, relevance } from "./data.ts";

const topK = 100;
const lenient = relevance("lenient");
const strict = relevance("strict");

export interface Index {
  /** (numItems, dim) vectors that are scored by inner product. */
  readonly items: Float32Array;
  /** Cell of each item; absent = one cell. */
  readonly cells?: ArrayLike<number>;
  /** (nlist, dim) in the items' own space. */
  readonly coarseCentroids?: Float32Array;
}

export interface Precision {
  lenient: number;
  strict: number;
}

/**
 * Queries 0..9999 whose hundreds digit is even chose the settings, the others are reported: both halves hold every
 * pair of digits equally often.
 */
export type QueryHalf = "settings" | "reported";

export interface Scoring {
  /**
   * "unit": inner product of the unit query. "tutorial": -|q - x|² as the original released it, with its unsquared
   * norm and raw query.
   */
  readonly kind: "unit" | "tutorial";
  readonly nprobe: number;
}

/**
 * precision@100 over one half of the queries.
 * @param queries (numQueries, dim), unit vectors or raw as the scoring wants
 */
export function precision(
  queries: Float32Array,
  index: Index,
  dim: number,
  scoring: Scoring,
  half: QueryHalf,
): Precision {
  const nlist = index.coarseCentroids ? index.coarseCentroids.length / dim : 1;
  const all = scoring.nprobe >= nlist;
  const tutorial = scoring.kind === "tutorial";
  const itemBias = tutorial ? halfNorms(index.items, dim, false) : undefined;
  const cellBias = tutorial && index.coarseCentroids ? halfNorms(index.coarseCentroids, dim, true) : undefined;
  const total = { lenient: 0, strict: 0 };
  let count = 0;
  for (let hundreds = half === "settings" ? 0 : 1; hundreds < numQueries / 100; hundreds += 2) {
    const block = queries.subarray(hundreds * 100 * dim, (hundreds + 1) * 100 * dim);
    const scores = products(block, index.items, dim);
    const cellScores = all ? undefined : products(block, index.coarseCentroids!, dim);
    for (let q = 0; q < 100; q++) {
      const visited = cellScores
        ? best(cellScores.subarray(q * nlist, (q + 1) * nlist), cellBias, scoring.nprobe)
        : undefined;
      const top = topItems(scores.subarray(q * numItems, (q + 1) * numItems), itemBias, index.cells, visited);
      // The last two digits of query 100·hundreds + q are those of q.
      for (const item of top) {
        total.lenient += lenient[q * numItems + item]!;
        total.strict += strict[q * numItems + item]!;
      }
      count++;
    }
  }
  return { lenient: total.lenient / (count * topK), strict: total.strict / (count * topK) };
}

/** (n, d)·(m, d)ᵀ -> (n, m). */
function products(a: Float32Array, b: Float32Array, dim: number): Float32Array {
  const product = tf.tidy(() => {
    const left = tf.tensor2d(a, [a.length / dim, dim]);
    const right = tf.transpose(tf.tensor2d(b, [b.length / dim, dim]));
    return tf.matMul(left, right);
  });
  // Read outside of tidy, which would look through a returned array number by number for tensors.
  const values = product.dataSync() as Float32Array;
  product.dispose();
  return values;
}

/** Half of |x|² (squared) or of |x| per row. */
function halfNorms(x: Float32Array, dim: number, squared: boolean): Float32Array {
  return Float32Array.from({ length: x.length / dim }, (_, i) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += x[i * dim + d]! ** 2;
    return (squared ? sum : Math.sqrt(sum)) / 2;
  });
}

function best(scores: Float32Array, bias: Float32Array | undefined, nprobe: number): Uint8Array {
  const order = Array.from(scores.keys()).sort(
    (i, j) => scores[j]! - (bias?.[j] ?? 0) - (scores[i]! - (bias?.[i] ?? 0)) || i - j,
  );
  const visited = new Uint8Array(scores.length);
  for (const cell of order.slice(0, nprobe)) visited[cell] = 1;
  return visited;
}

/** Items of the 100 highest scores: a min-heap whose root is the score to beat. */
function topItems(
  scores: Float32Array,
  bias: Float32Array | undefined,
  cells: ArrayLike<number> | undefined,
  visited: Uint8Array | undefined,
): Int32Array {
  const heapScores = new Float64Array(topK).fill(Number.NEGATIVE_INFINITY);
  const heapItems = new Int32Array(topK);
  let size = 0;
  for (let item = 0; item < numItems; item++) {
    if (visited && visited[cells![item]!] === 0) continue;
    const score = bias ? scores[item]! - bias[item]! : scores[item]!;
    if (score <= heapScores[0]!) continue;
    if (size < topK) size++;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= topK) break;
      if (child + 1 < topK && heapScores[child + 1]! < heapScores[child]!) child++;
      if (heapScores[child]! >= score) break;
      heapScores[at] = heapScores[child]!;
      heapItems[at] = heapItems[child]!;
      at = child;
    }
    heapScores[at] = score;
    heapItems[at] = item;
  }
  // Unfilled places keep -Infinity at the root side: only the filled ones are results.
  return heapItems.filter((_, i) => heapScores[i]! > Number.NEGATIVE_INFINITY).slice(0, size);
}
