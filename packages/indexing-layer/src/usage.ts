import * as tf from "@tensorflow/tfjs-core";
import { sumRows } from "./quantize.ts";
import type { VariableFactory } from "./quantizer.ts";

/** Counts on the backend how often each centroid is used, so that no step has to read its codes back. */
export class UsageCounter {
  readonly counts: tf.Variable<tf.Rank.R2>;

  constructor(numCentroids: number, name: string, create: VariableFactory) {
    this.counts = tf.tidy(() => create(name, tf.zeros([numCentroids, 1]), false) as tf.Variable<tf.Rank.R2>);
  }

  /** @param rows (n) int32 */
  add(rows: tf.Tensor1D): void {
    tf.tidy(() => {
      const ones = tf.ones<tf.Rank.R2>([rows.shape[0], 1]);
      this.counts.assign(tf.add(this.counts, sumRows(rows, ones, this.counts.shape[0])));
    });
  }

  /** The counts since the last call, (numCentroids). */
  async take(): Promise<Float32Array> {
    const counts = (await this.counts.data()) as Float32Array;
    tf.tidy(() => this.counts.assign(tf.zerosLike(this.counts)));
    return counts;
  }

  /** Frees the variables. */
  dispose(): void {
    this.counts.dispose();
  }
}
