import * as tf from "@tensorflow/tfjs-core";
import type { Uses } from "./centroid-sums.ts";
import type { VariableFactory } from "./quantizer.ts";

/** Counts on the backend how often each centroid is used, so that no step has to read its codes back. */
export class UsageCounter {
  readonly counts: tf.Variable<tf.Rank.R2>;

  constructor(numCentroids: number, name: string, create: VariableFactory) {
    this.counts = tf.tidy(() => create(name, tf.zeros([numCentroids, 1]), false) as tf.Variable<tf.Rank.R2>);
  }

  /** Within a scope. */
  add(uses: Uses): void {
    this.counts.assign(tf.add(this.counts, uses.counts()));
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
