import { Random } from "@poeem/indexing-layer/random";
import type { Metric } from "@poeem/pq-core";

/** Vectors that are made, with queries of two draws: some to learn from, others to measure by. */
export interface VectorSet {
  readonly name: string;
  readonly dim: number;
  readonly metric: Metric;
  readonly items: Float32Array;
  readonly sample: Float32Array;
  readonly queries: Float32Array;
}

export interface SetSize {
  readonly items: number;
  readonly sample: number;
  readonly queries: number;
  readonly seed: number;
}

/** As gradient histograms of picture patches: 128 whole numbers of 0 to 255, most of them small; queries like items. */
export function siftLike(size: SetSize): VectorSet {
  const dim = 128;
  const random = new Random(size.seed);
  const centres = rows(2000, dim, () => 30 * Math.abs(random.normal()) ** 1.5);
  const make = (count: number): Float32Array =>
    around(centres, dim, count, random, (value) =>
      Math.min(255, Math.max(0, Math.round(value * Math.exp(0.5 * random.normal()) + 8 * random.normal()))),
    );
  const [items, sample, queries] = [make(size.items), make(size.sample), make(size.queries)];
  return { name: "sift-like", dim, metric: "l2", items, sample, queries };
}

/**
 * As a text encoder's: 768 numbers of length 1 with a mean of their own, in topics, some directions much longer than
 * others; queries have another mean, and more of some directions than of others.
 */
export function textLike(size: SetSize): VectorSet {
  const dim = 768;
  const random = new Random(size.seed);
  const decay = (d: number): number => (1 + d) ** -0.4;
  const centres = rows(1000, dim, (d) => decay(d) * random.normal());
  const mean = rows(1, dim, (d) => 0.5 * decay(d) * random.normal());
  const asked = rows(1, dim, (d) => 0.5 * decay(d) * random.normal());
  const weights = rows(1, dim, () => Math.exp(0.5 * random.normal()));
  const itemOf = (value: number, d: number): number => mean[d]! + value + 0.7 * decay(d) * random.normal();
  const queryOf = (value: number, d: number): number =>
    asked[d]! + weights[d]! * (value + 0.9 * decay(d) * random.normal());
  const items = unit(around(centres, dim, size.items, random, itemOf), dim);
  const sample = unit(around(centres, dim, size.sample, random, queryOf), dim);
  const queries = unit(around(centres, dim, size.queries, random, queryOf), dim);
  return { name: "text-like", dim, metric: "cosine", items, sample, queries };
}

function rows(count: number, dim: number, value: (d: number) => number): Float32Array {
  return Float32Array.from({ length: count * dim }, (_, at) => value(at % dim));
}

/** Each of a centre drawn at random, number by number. */
function around(
  centres: Float32Array,
  dim: number,
  count: number,
  random: Random,
  value: (centre: number, d: number) => number,
): Float32Array {
  const out = new Float32Array(count * dim);
  for (let from = 0; from < out.length; from += dim) {
    const centre = random.integer(centres.length / dim) * dim;
    for (let d = 0; d < dim; d++) out[from + d] = value(centres[centre + d]!, d);
  }
  return out;
}

function unit(vectors: Float32Array, dim: number): Float32Array {
  for (let from = 0; from < vectors.length; from += dim) {
    const row = vectors.subarray(from, from + dim);
    const scale = 1 / Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let d = 0; d < dim; d++) row[d]! *= scale;
  }
  return vectors;
}
