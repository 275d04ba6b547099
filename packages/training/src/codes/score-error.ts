import type { Metric } from "@poeem/pq-core";
import * as tf from "@tensorflow/tfjs";
import { gather, spreadEvenly } from "../data/gather.ts";
import { ITEMS } from "./asked.ts";
import { nearestBy, squaresOf } from "./nearest.ts";

/** Items that come nearest to a query, whose distances to it count. */
const NEAREST = 10;
/** Cosine from which on an item is among those to be found, as in anisotropic quantization's own experiments. */
const FOUND_FROM = 0.2;
/** Share of a moment that is the same in all directions: at least so much, and more where samples are few. */
const EVEN = 0.1;
/** The same where items stand for queries, which may be of another kind (docs/experiments/vectors.md). */
const EVEN_GUESSED = 0.3;

/** In the index's space, not yet rotated: what `ScoreError` says in it. */
export interface SpaceError {
  /** (dim, dim) */
  readonly moment: Float32Array | undefined;
  readonly along: number;
}

/**
 * What errors of items cost scores. By inner products an error along the item itself costs most, and in directions that
 * queries have most of: their second moments, or those of the items where there are none. What all items have in common
 * is most of every score then. By distances an error costs in the direction from the item to the query: only sample
 * queries know of it, by the items that are nearest to them.
 *
 * @param queries (q, dim); undefined for none
 * @param items (n, dim), a sample
 */
export async function spaceError(
  metric: Metric,
  dim: number,
  items: Float32Array,
  queries: Float32Array | undefined,
): Promise<SpaceError> {
  if (metric === "l2") {
    if (!queries) return { moment: undefined, along: 0 };
    return { moment: await secondMoments(await differences(queries, items, dim), dim, EVEN), along: 0 };
  }
  const along = (dim * FOUND_FROM ** 2) / (1 - FOUND_FROM ** 2);
  if (queries) return { moment: await secondMoments(queries.slice(), dim, EVEN), along };
  // a sample lies in the order of its items
  const some = gather(items, spreadEvenly(items.length / dim, ITEMS), dim);
  return { moment: await secondMoments(some, dim, EVEN_GUESSED), along };
}

/** From each query's nearest items to it: (q · NEAREST, dim). */
async function differences(queries: Float32Array, items: Float32Array, dim: number): Promise<Float32Array> {
  const count = Math.min(NEAREST, items.length / dim);
  const [nearest] = await nearestBy(queries, items, dim, [squaresOf(items, dim)], count);
  const rows = nearest!.flatMap((numbers) => Array.from(numbers));
  const found = gather(items, rows, dim);
  for (let at = 0; at < found.length; at++) {
    const query = Math.floor(at / (count * dim));
    found[at] = queries[query * dim + (at % dim)]! - found[at]!;
  }
  return found;
}

/** Second moments of rows of length 1, with the same in all directions added: (dim, dim). Changes the rows. */
async function secondMoments(rows: Float32Array, dim: number, least: number): Promise<Float32Array> {
  const n = rows.length / dim;
  for (let from = 0; from < rows.length; from += dim) {
    let square = 0;
    for (let d = from; d < from + dim; d++) square += rows[d]! ** 2;
    const scale = square > 0 ? 1 / Math.sqrt(square) : 0;
    for (let d = from; d < from + dim; d++) rows[d]! *= scale;
  }
  const products = tf.tidy(() => {
    const table = tf.tensor2d(rows, [n, dim]);
    return tf.matMul(tf.transpose(table), table);
  });
  const moment = Float32Array.from(await products.data());
  products.dispose();
  const even = Math.max(least, dim / (dim + n));
  let trace = 0;
  for (let d = 0; d < dim; d++) trace += moment[d * dim + d]!;
  const scale = trace > 0 ? ((1 - even) * dim) / trace : 0;
  return moment.map((value, at) => value * scale + (at % (dim + 1) === 0 ? even : 0));
}
