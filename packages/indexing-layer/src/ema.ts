import * as tf from "@tensorflow/tfjs-core";
import type { Uses } from "./centroid-sums.ts";
import type { VariableFactory } from "./quantizer.ts";

/**
 * Centroids as moving averages of the vectors assigned to them, the alternative to gradients (van den Oord et al.,
 * arXiv 1711.00937, appendix A.1): N ← λN + (1-λ)n, S ← λS + (1-λ)Σx, c = S/N.
 */
export class MovingCentroids {
  readonly numCentroids: number;
  readonly width: number;
  readonly #decay: number;
  readonly counts: tf.Variable<tf.Rank.R2>;
  readonly sums: tf.Variable<tf.Rank.R2>;

  constructor(numCentroids: number, width: number, decay: number, name: string, create: VariableFactory) {
    this.numCentroids = numCentroids;
    this.width = width;
    this.#decay = decay;
    const make = (part: string, columns: number) =>
      tf.tidy(() => create(`${name}${part}`, tf.zeros([numCentroids, columns]), false) as tf.Variable<tf.Rank.R2>);
    this.counts = make("Counts", 1);
    this.sums = make("Sums", width);
  }

  /** Starts the averages at `centroids` (numCentroids, width), as if used `counts` times a batch. */
  reset(centroids: Float32Array, counts: Float32Array): void {
    tf.tidy(() => {
      const n = tf.tensor2d(counts, [this.numCentroids, 1]);
      this.counts.assign(n);
      this.sums.assign(tf.mul(tf.tensor2d(centroids, [this.numCentroids, this.width]), n));
    });
  }

  /**
   * Within a scope: takes in one batch and returns the new centroids (numCentroids, width).
   * @param uses which centroids its vectors belong to
   * @param vectors (n, width); (n, M·width) where M sub-quantizers have their own part of each
   * @param current (numCentroids, width), kept where a centroid has hardly ever been used
   */
  update(uses: Uses, vectors: tf.Tensor2D, current: tf.Tensor2D): tf.Tensor2D {
    const decay = this.#decay;
    const sum = uses.sumsOf(vectors);
    this.counts.assign(tf.add(tf.mul(this.counts, decay), tf.mul(uses.counts(), 1 - decay)));
    this.sums.assign(tf.add(tf.mul(this.sums, decay), tf.mul(sum, 1 - decay)));
    const mean = tf.div<tf.Tensor2D>(this.sums, tf.maximum(this.counts, 1e-6));
    const used = tf.tile(tf.greater(this.counts, 1e-6), [1, this.width]);
    return tf.where(used, mean, current);
  }

  /** Forgets the past of some centroids: they go on from where they are now with the weight of an average one. */
  async restart(rows: readonly number[], centroids: Float32Array): Promise<void> {
    if (rows.length === 0) return;
    const counts = Float32Array.from(await this.counts.data());
    const sums = Float32Array.from(await this.sums.data());
    const weight = counts.reduce((sum, count) => sum + count, 0) / this.numCentroids;
    for (const row of rows) {
      counts[row] = weight;
      for (let d = 0; d < this.width; d++) sums[row * this.width + d] = weight * centroids[row * this.width + d]!;
    }
    tf.tidy(() => {
      this.counts.assign(tf.tensor2d(counts, this.counts.shape));
      this.sums.assign(tf.tensor2d(sums, this.sums.shape));
    });
  }

  /** Frees the variables. */
  dispose(): void {
    this.counts.dispose();
    this.sums.dispose();
  }
}
