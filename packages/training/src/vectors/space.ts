import type { Random } from "@poeem/indexing-layer";
import type { Metric } from "@poeem/pq-core";
import { type EmbeddingMap, embeddingMap } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { leadingEigen, times } from "../model/subspace.ts";

/** How given vectors become those of an index: scaled, cut to fewer numbers or filled up with zeros. */
export interface VectorSpace {
  /** Numbers of a given vector, and of one in the index. */
  readonly length: number;
  readonly dim: number;
  readonly metric: Metric;
  /** (length, dim), orthonormal columns; undefined = the numbers as they are, and zeros behind them. */
  readonly reduction: Float32Array | undefined;
}

/** Numbers that vectors get, a multiple of the sub-quantizers: all of them, or `most`. */
export function dimOf(length: number, numSubQuantizers: number, most: number): number {
  return numSubQuantizers * Math.min(Math.floor(most / numSubQuantizers), Math.ceil(length / numSubQuantizers));
}

/**
 * The space of an index. With fewer numbers than were given these are the leading components, about zero, of the
 * sample: of all projections that which keeps inner products best.
 * @param sample (n, length), as `scaled` gives them
 */
export async function vectorSpace(
  sample: Float32Array,
  of: Pick<VectorSpace, "length" | "dim" | "metric">,
  random: Random,
): Promise<VectorSpace> {
  const { length, dim } = of;
  if (dim >= length) return { ...of, reduction: undefined };
  const gram = tf.tidy(() => {
    const rows = tf.tensor2d(sample, [sample.length / length, length]);
    return tf.matMul(tf.transpose(rows), rows);
  });
  const products = (await gram.data()) as Float32Array;
  gram.dispose();
  const { basis, vectors } = leadingEigen((x) => multiply(products, x, length, dim), length, dim, random);
  return { ...of, reduction: times(basis, vectors, dim) };
}

/** A (length, length) matrix times x (length, dim). */
function multiply(matrix: Float32Array, x: Float32Array, length: number, dim: number): Float32Array {
  const product = new Float32Array(length * dim);
  const row = new Float64Array(dim);
  for (let i = 0; i < length; i++) {
    row.fill(0);
    for (let j = 0; j < length; j++) {
      const value = matrix[i * length + j]!;
      for (let d = 0; d < dim; d++) row[d]! += value * x[j * dim + d]!;
    }
    product.set(row, i * dim);
  }
  return product;
}

/** Rows of length 1 where lengths do not count; else as they are. Changed in place. */
export function scaled(
  vectors: Float32Array,
  { length, metric }: Pick<VectorSpace, "length" | "metric">,
): Float32Array {
  if (metric !== "cosine") return vectors;
  for (let from = 0; from < vectors.length; from += length) {
    let square = 0;
    for (let d = from; d < from + length; d++) square += vectors[d]! ** 2;
    const scale = 1 / Math.sqrt(square);
    for (let d = from; d < from + length; d++) vectors[d]! *= scale;
  }
  return vectors;
}

/** Scaled vectors (n, length) in the index's space: (n, dim). */
export async function intoSpace({ length, dim, reduction }: VectorSpace, vectors: Float32Array): Promise<Float32Array> {
  const n = vectors.length / length;
  if (reduction) {
    const output = tf.tidy(() => tf.matMul(tf.tensor2d(vectors, [n, length]), tf.tensor2d(reduction, [length, dim])));
    const values = Float32Array.from(await output.data());
    output.dispose();
    return values;
  }
  if (dim === length) return vectors;
  const filled = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) filled.set(vectors.subarray(i * length, (i + 1) * length), i * dim);
  return filled;
}

/** The same as a map of a query tower; undefined for the identity. */
export function spaceMap({ length, dim, reduction }: VectorSpace): EmbeddingMap | undefined {
  if (!reduction && dim === length) return undefined;
  const values = reduction ?? new Float32Array(length * dim);
  if (!reduction) for (let i = 0; i < length; i++) values[i * dim + i] = 1;
  return embeddingMap(values, new Float32Array(dim));
}
