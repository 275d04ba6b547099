import type { Random } from "@poeem/indexing-layer";
import { gather } from "../data/gather.ts";
import { nearestBy } from "./nearest.ts";

/** Items that come nearest to a query, which are to be found. */
export const K = 10;
/** Queries and items of the samples by which something is chosen, at most. */
export const QUERIES = 1000;
export const ITEMS = 16_384;
/** With fewer queries nothing is chosen: chance could be all there is. */
export const FEWEST_QUERIES = 20;
/** Standard errors by which more has to be found. */
export const SURE = 2;

/** Queries of a sample. */
export interface Asking {
  readonly queries: Float32Array;
  /** Whether they are the first of the items, each to be found without itself. */
  readonly own: boolean;
}

/** For each of the rows of terms (see `nearestBy`) the nearest items of each query; of items without themselves. */
export async function findEach(
  { queries, own }: Asking,
  vectors: Float32Array,
  terms: readonly Float32Array[],
  dim: number,
): Promise<Int32Array[][]> {
  const found = await nearestBy(queries, vectors, dim, terms, K + Number(own));
  if (!own) return found;
  return found.map((lists) => lists.map((numbers, query) => numbers.filter((item) => item !== query).subarray(0, K)));
}

/** Some of the rows, each once. */
export function drawn(rows: Float32Array, most: number, random: Random, dim: number): Float32Array {
  return gather(rows, random.permutation(rows.length / dim).subarray(0, most), dim);
}

export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / Math.max(1, values.length);
}

/** Of the differences of pairs: their mean, and its standard error. */
export function meanAndError(
  a: readonly number[],
  b: readonly number[],
): { readonly mean: number; readonly error: number } {
  const differences = a.map((value, i) => value - b[i]!);
  const middle = mean(differences);
  const variance = mean(differences.map((value) => (value - middle) ** 2));
  // of one pair nothing is known
  return { mean: middle, error: Math.sqrt(variance / Math.max(0, differences.length - 1)) };
}
