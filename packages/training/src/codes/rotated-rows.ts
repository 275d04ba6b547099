import type { Codebook } from "@poeem/pq-core";
import * as tf from "@tensorflow/tfjs";

/** x·R of rows (n, dim); the rows themselves where nothing is rotated. */
export async function rotatedRows({ dim, rotation }: Codebook, vectors: Float32Array): Promise<Float32Array> {
  if (!rotation) return vectors;
  const output = tf.tidy(() =>
    tf.matMul(tf.tensor2d(vectors, [vectors.length / dim, dim]), tf.tensor2d(rotation, [dim, dim])),
  );
  const rotated = Float32Array.from(await output.data());
  output.dispose();
  return rotated;
}
