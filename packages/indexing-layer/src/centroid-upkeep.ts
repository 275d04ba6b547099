import * as tf from "@tensorflow/tfjs-core";
import { usesOfCells, usesOfCodes } from "./centroid-sums.ts";
import type { IndexingLayerConfig } from "./config.ts";
import { MovingCentroids } from "./ema.ts";
import type { InitialCodebook } from "./initialize.ts";
import type { Assignment } from "./losses/loss.ts";
import type { Quantizer, VariableFactory } from "./quantizer.ts";
import type { Random } from "./random.ts";
import { restartDead } from "./restart.ts";
import { UsageCounter } from "./usage.ts";

/** What happens to centroids after a joint step: moving averages (if they follow no gradients) and restarts. */
export class CentroidUpkeep {
  readonly #config: IndexingLayerConfig;
  readonly #quantizer: Quantizer;
  readonly #coarseMoving: MovingCentroids | null = null;
  readonly #moving: MovingCentroids | null = null;
  readonly #coarseUsage: UsageCounter | null = null;
  readonly #usage: UsageCounter | null = null;

  constructor(config: IndexingLayerConfig, quantizer: Quantizer, create: VariableFactory) {
    this.#config = config;
    this.#quantizer = quantizer;
    const { dim, nlist, numSubQuantizers, nbits, emaDecay } = config;
    const numCentroids = numSubQuantizers << nbits;
    if (config.codebookUpdate === "ema") {
      if (nlist > 0) this.#coarseMoving = new MovingCentroids(nlist, dim, emaDecay, "coarse", create);
      this.#moving = new MovingCentroids(numCentroids, dim / numSubQuantizers, emaDecay, "sub", create);
    }
    if (config.restartEvery > 0) {
      if (nlist > 0) this.#coarseUsage = new UsageCounter(nlist, "coarseUsage", create);
      this.#usage = new UsageCounter(numCentroids, "usage", create);
    }
  }

  /** Variables that a checkpoint must hold. */
  namedVariables(): [string, tf.Variable | undefined][] {
    return [
      ["coarseCounts", this.#coarseMoving?.counts],
      ["coarseSums", this.#coarseMoving?.sums],
      ["subCounts", this.#moving?.counts],
      ["subSums", this.#moving?.sums],
      ["coarseUsage", this.#coarseUsage?.counts],
      ["usage", this.#usage?.counts],
    ];
  }

  /** Starts the averages where k-means ended, with the weight of one vector per centroid on average. */
  reset(initial: InitialCodebook, numSamples: number): void {
    const { nlist, nbits } = this.#config;
    const weights = (counts: Float32Array, numCentroids: number) =>
      counts.map((count) => (Math.max(count, 1) * numCentroids) / numSamples);
    this.#coarseMoving?.reset(initial.coarseCentroids, weights(initial.coarseCounts, nlist));
    this.#moving?.reset(initial.centroids, weights(initial.counts, 1 << nbits));
  }

  /** Moves the centroids of the last batch. @param step steps done so far */
  async afterStep(at: Assignment, step: number, random: Random): Promise<void> {
    if (this.#usage || this.#moving) tf.tidy(() => this.#takeIn(at));
    const { restartEvery } = this.#config;
    if (restartEvery > 0 && step % restartEvery === 0) await this.#restart(at, random);
  }

  #takeIn(at: Assignment): void {
    const { coarseCentroids, centroids } = this.#quantizer;
    const [m, ksub, subDim] = centroids.shape;
    const uses = usesOfCodes(at, ksub);
    this.#usage?.add(uses);
    if (this.#moving) {
      const current = tf.reshape<tf.Rank.R2>(centroids, [m * ksub, subDim]);
      centroids.assign(tf.reshape(this.#moving.update(uses, at.residual, current), [m, ksub, subDim]));
    }
    if (!coarseCentroids) return;
    const usesOfCoarse = usesOfCells(at.coarseCodes, coarseCentroids.shape[0]);
    this.#coarseUsage?.add(usesOfCoarse);
    if (this.#coarseMoving) coarseCentroids.assign(this.#coarseMoving.update(usesOfCoarse, at.y, coarseCentroids));
  }

  async #restart(at: Assignment, random: Random): Promise<void> {
    const config = this.#config;
    const quantizer = this.#quantizer;
    const { dim, numSubQuantizers, restartThreshold } = config;
    const { coarseCentroids, centroids } = quantizer;
    if (!this.#usage) return;
    const subDim = dim / numSubQuantizers;
    const ksub = 1 << config.nbits;
    const residualTensor = tf.tidy(() => tf.clone(quantizer.residual(at)));
    const residual = (await residualTensor.data()) as Float32Array;
    residualTensor.dispose();
    const coarse = coarseCentroids ? Float32Array.from(await coarseCentroids.data()) : new Float32Array(0);
    if (this.#coarseUsage) {
      const [usage, items, cells] = await Promise.all([this.#coarseUsage.take(), at.y.data(), at.coarseCodes.data()]);
      const moved = restartDead(coarse, usage, items as Float32Array, cells, restartThreshold, random);
      await this.#coarseMoving?.restart(moved, coarse);
    }
    const usage = await this.#usage.take();
    const codes = await at.codes.data();
    const sub = Float32Array.from(await centroids.data());
    const moved: number[] = [];
    const n = codes.length / numSubQuantizers;
    for (let m = 0; m < numSubQuantizers; m++) {
      const vectors = new Float32Array(n * subDim);
      for (let i = 0; i < n; i++) {
        vectors.set(residual.subarray(i * dim + m * subDim, i * dim + (m + 1) * subDim), i * subDim);
      }
      const own = sub.subarray(m * ksub * subDim, (m + 1) * ksub * subDim);
      const ownCodes = Int32Array.from({ length: n }, (_, i) => codes[i * numSubQuantizers + m]!);
      const ownUsage = usage.subarray(m * ksub, (m + 1) * ksub);
      for (const c of restartDead(own, ownUsage, vectors, ownCodes, restartThreshold, random)) moved.push(m * ksub + c);
    }
    await this.#moving?.restart(moved, sub);
    quantizer.assignCentroids(coarse, sub);
  }

  /** Frees the variables. */
  dispose(): void {
    for (const part of [this.#coarseMoving, this.#moving, this.#coarseUsage, this.#usage]) part?.dispose();
  }
}
