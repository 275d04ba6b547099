import * as tf from "@tensorflow/tfjs-core";
import type { CallOptions, CallResult } from "./call.ts";
import { CentroidUpkeep } from "./centroid-upkeep.ts";
import { type IndexingLayerConfig, type IndexingLayerOptions, resolveConfig } from "./config.ts";
import { asColumn, asInts, gatherRows } from "./device/gather-rows.ts";
import { isOnDevice } from "./device/on-device.ts";
import { expectFinite, fail } from "./errors.ts";
import { initializeCodebook } from "./initialize.ts";
import { LOSS_LIST } from "./losses/index.ts";
import type { Assignment, LossInput } from "./losses/loss.ts";
import { codeUsage, type LayerMetrics, subCodeUsage } from "./metrics.ts";
import { plainVariables, Quantizer, type VariableFactory } from "./quantizer.ts";
import { Random } from "./random.ts";
import { createRotation } from "./rotation/create.ts";
import type { LayerRotation } from "./rotation/layer-rotation.ts";
import type { IndexingLayerState, TrainedCodebook } from "./state.ts";
import { straightThrough } from "./straight-through.ts";
import { trainingLosses } from "./training-losses.ts";

/** warmup: items pass unchanged. collecting: so they do, and are gathered. joint: they are quantized and trained. */
export type Phase = "warmup" | "collecting" | "joint";

/**
 * The Poeem indexing layer (Zhang et al., SIGIR 2021, arXiv 2105.03933): rotates items, quantizes them to a coarse
 * centroid plus M sub-quantizer centroids of the residual, and rotates back, so that an item tower is trained on what
 * the index will later hold.
 *
 * Use: `call` inside `tf.variableGrads`, apply the gradients, then `await afterStep(x)` once.
 */
export class IndexingLayer {
  readonly config: IndexingLayerConfig;
  readonly #quantizer: Quantizer;
  readonly #upkeep: CentroidUpkeep;
  readonly #random: Random;
  readonly #rotation: LayerRotation;
  /**
   * Room for rows to gather, (bufferSize, dim), of which the first `gathered` numbers are in; empty before and after.
   */
  #buffer = new Float32Array(0);
  #gathered = 0;
  /** The last training batch, kept for `afterStep`: the items while collecting, then how they were quantized. */
  #items: tf.Tensor2D | null = null;
  #batch: Assignment | null = null;
  #checkedInput = false;
  /** A weight that was asked for and does nothing without queries. */
  readonly #needsQueries: string | undefined;
  #isReady = false;
  #stepsDone = 0;

  /**
   * @param createVariable makes the backend variables; default `tf.variable`
   * @throws InputError naming the option at fault
   */
  constructor(options: IndexingLayerOptions, createVariable: VariableFactory = plainVariables) {
    this.config = resolveConfig(options);
    const given = options as unknown as Readonly<Record<string, number | undefined>>;
    this.#needsQueries = LOSS_LIST.filter(([, { needs }]) => needs === "queries")
      .map(([name]) => `${name}Weight`)
      .find((weight) => (given[weight] ?? 0) > 0);
    this.#random = new Random(this.config.seed);
    this.#quantizer = new Quantizer(this.config, this.#random, createVariable);
    this.#upkeep = new CentroidUpkeep(this.config, this.#quantizer, createVariable);
    this.#rotation = createRotation(this.config, this.#quantizer);
  }

  /** Steps that `afterStep` has closed. */
  get step(): number {
    return this.#stepsDone;
  }

  /** Where the schedule is: what the next training call does with items. */
  get phase(): Phase {
    if (this.#isReady) return "joint";
    return this.#stepsDone < this.config.warmupSteps ? "warmup" : "collecting";
  }

  /** Whether training batches are quantized already. */
  get ready(): boolean {
    return this.#isReady;
  }

  /** (nlist, dim) in the rotated space; null without cells. */
  get coarseCentroids(): tf.Variable<tf.Rank.R2> | null {
    return this.#quantizer.coarseCentroids;
  }

  /** (M, ksub, subDim) in the rotated space. */
  get centroids(): tf.Variable<tf.Rank.R3> {
    return this.#quantizer.centroids;
  }

  /** Variables for the optimizer: the centroids when they follow gradients, none when they are moving averages. */
  get trainableVariables(): tf.Variable[] {
    return this.#namedVariables().flatMap(([, variable]) => (variable.trainable ? [variable] : []));
  }

  /**
   * Quantizes a batch of items.
   * @param x (n, dim)
   * @throws InputError when a shape is another, when queries are missing that a configured loss needs, or when the very
   * first batch holds NaN or infinity
   */
  call(x: tf.Tensor2D, options: CallOptions = {}): CallResult {
    const { dim, numSubQuantizers } = this.config;
    const training = options.training ?? false;
    if (x.shape.length !== 2 || x.shape[1] !== dim) fail("x", `shape [batch, ${dim}]`, `[${x.shape}]`);
    this.#checkFirstInput(x);
    if (training) this.#checkQueries(x, options);
    if (training && this.phase !== "joint") {
      if (this.phase === "collecting") this.#keepItems(x);
      return {
        quantized: tf.clone(x),
        coarseCodes: tf.zeros([x.shape[0]], "int32"),
        codes: tf.zeros([x.shape[0], numSubQuantizers], "int32"),
        losses: { total: tf.scalar(0) },
      };
    }
    const at = this.#quantizer.assign(x);
    const { coarseCodes, codes } = at;
    const quantized = this.#quantizer.rotateBack(at.decoded);
    if (!training) return { quantized, coarseCodes, codes, losses: { total: tf.scalar(0) } };
    this.#keepBatch(at);
    const losses = trainingLosses(this.config, this.#lossInput(x, quantized, at, options));
    const { distillationWeight: weight } = this.config;
    const teacher = weight > 0 ? { teacher: { candidates: x, weight } } : {};
    return { quantized: straightThrough(x, quantized), coarseCodes, codes, losses, ...teacher };
  }

  #lossInput(x: tf.Tensor2D, quantized: tf.Tensor2D, at: Assignment, { queries, answers }: CallOptions): LossInput {
    const { coarseCentroids, centroids } = this.#quantizer;
    const per = (count: number): number => (this.config.reduction === "mean" ? 1 / count : 1);
    const b = queries?.shape[0] ?? 0;
    return {
      x,
      quantized,
      at,
      coarseCentroids,
      centroids,
      rotateBack: (rotated) => this.rotateBack(rotated),
      perItem: per(x.shape[0]),
      perQuery: per(b),
      ...(queries && {
        queries,
        cells: cellsOf(at.coarseCodes, b, answers),
      }),
    };
  }

  #checkQueries(x: tf.Tensor2D, { queries, answers }: CallOptions): void {
    const { dim } = this.config;
    if (!queries) {
      if (this.#needsQueries) fail("queries", `a tensor, because ${this.#needsQueries} was given`, "none");
      return;
    }
    const [b, width] = queries.shape;
    const most = answers ? b : x.shape[0];
    if (b > most || width !== dim) fail("queries", `at most ${most} rows of ${dim}`, `[${b},${width}]`);
    if (answers && answers.shape[0] !== b) fail("answers", `${b} rows of items, one per query`, answers.shape[0]);
  }

  /** (n, dim) of the rotated space, such as `coarseCentroids`, in the items' own space. */
  rotateBack(rotated: tf.Tensor2D): tf.Tensor2D {
    return this.#quantizer.rotateBack(rotated);
  }

  /**
   * Closes a training step: advances the schedule, gathers the sample, initialises the codebook when it is full, and
   * in the joint phase moves centroids (EMA, restarts) and rotation (Givens). Reads back asynchronously only.
   *
   * @param x (n, dim) the step's items, if others than those of the last training call are to be gathered
   */
  async afterStep(x?: tf.Tensor2D): Promise<void> {
    const phase = this.phase;
    this.#stepsDone++;
    if (phase === "collecting") {
      const items = x ?? this.#items;
      if (!items) fail("afterStep", "a training call before it", "none");
      await this.#collect(items);
      this.#keepItems(null);
    } else if (phase === "joint") {
      const batch = this.#batch;
      if (!batch) fail("afterStep", "a training call before it", "none");
      await this.#upkeep.afterStep(batch, this.#stepsDone, this.#random);
      await this.#turnRotation(batch);
      this.#keepBatch(null);
    }
  }

  async #collect(x: tf.Tensor2D): Promise<void> {
    const { dim, bufferSize } = this.config;
    const rows = (await x.data()) as Float32Array;
    expectFinite("x", rows);
    this.#gather(rows.subarray(0, bufferSize * dim - this.#gathered));
    if (this.#gathered === bufferSize * dim) await this.initialize(this.#buffer);
  }

  #gather(rows: Float32Array): void {
    const { dim, bufferSize } = this.config;
    if (this.#buffer.length === 0) this.#buffer = new Float32Array(bufferSize * dim);
    this.#buffer.set(rows, this.#gathered);
    this.#gathered += rows.length;
  }

  /**
   * Fits rotation, coarse centroids and sub-quantizers to a sample and starts the joint phase.
   * @param samples (n, dim) row-major, n at least nlist and 2^nbits
   */
  async initialize(samples: Float32Array): Promise<void> {
    const { dim, nlist, nbits } = this.config;
    const least = Math.max(nlist, 1 << nbits) * dim;
    if (samples.length % dim !== 0) fail("samples", `a multiple of dim (${dim}) numbers`, samples.length);
    if (samples.length < least) fail("samples", `at least ${least} numbers (nlist or 2^nbits rows)`, samples.length);
    expectFinite("samples", samples);
    const initial = await initializeCodebook(samples, this.config, this.#random);
    this.#quantizer.assignCentroids(initial.coarseCentroids, initial.centroids);
    this.#upkeep.reset(initial, samples.length / dim);
    this.#rotation.reset(initial.rotation);
    this.#buffer = new Float32Array(0);
    this.#gathered = 0;
    this.#isReady = true;
  }

  async #turnRotation(batch: Assignment): Promise<void> {
    const { rotation, givens } = this.config;
    if (!rotation.includes("givens") || this.#stepsDone % givens.every !== 0) return;
    await this.#rotation.update(batch, this.#stepsDone / givens.every);
  }

  /**
   * How well the layer quantizes some items, and how evenly it uses its codes.
   * @param x (n, dim)
   */
  async metrics(x: tf.Tensor2D): Promise<LayerMetrics> {
    const { nlist, numSubQuantizers, nbits } = this.config;
    const [distortion, coarseCodes, codes] = tf.tidy(() => {
      const result = this.call(x);
      const error = tf.sum(tf.squaredDifference(x, result.quantized), 1);
      return [tf.mean(error), result.coarseCodes, result.codes];
    });
    const [distance, cells, all] = await Promise.all([distortion.data(), coarseCodes.data(), codes.data()]);
    tf.dispose([distortion, coarseCodes, codes]);
    return {
      distortion: distance[0]!,
      coarse: nlist > 0 ? codeUsage(cells, nlist) : null,
      sub: subCodeUsage(all, numSubQuantizers, 1 << nbits),
    };
  }

  /** The trained quantizer in pq-core's layout, read back from the backend. */
  async codebook(): Promise<TrainedCodebook> {
    const { dim, nlist, numSubQuantizers, nbits, rotation } = this.config;
    return {
      dim,
      nlist,
      numSubQuantizers,
      nbits,
      byResidual: nlist > 0,
      ...(rotation === "none" ? {} : { rotation: Float32Array.from(await this.#rotation.matrix()) }),
      coarseCentroids: Float32Array.from((await this.coarseCentroids?.data()) ?? []),
      centroids: Float32Array.from(await this.centroids.data()),
    };
  }

  /** A snapshot from which `setState` goes on bit for bit. */
  async getState(): Promise<IndexingLayerState> {
    const variables: Record<string, Float32Array> = {};
    for (const [name, variable] of this.#namedVariables()) variables[name] = Float32Array.from(await variable.data());
    return {
      version: 1,
      config: this.config,
      step: this.#stepsDone,
      ready: this.#isReady,
      random: this.#random.state,
      buffer: this.#buffer.slice(0, this.#gathered),
      rotation: await this.#rotation.matrix(),
      correlation: await this.#rotation.correlation(),
      variables,
    };
  }

  /**
   * Takes up a schedule and a rotation that were stored elsewhere, as weights of a saved model.
   * @param rotation (dim, dim) row-major
   */
  resume(step: number, ready: boolean, rotation?: Float32Array): void {
    this.#stepsDone = step;
    this.#isReady = ready;
    if (rotation) this.#rotation.reset(Float64Array.from(rotation));
  }

  /** Restores a snapshot. @throws InputError when it was taken from a layer of another shape. */
  setState(state: IndexingLayerState): void {
    const { dim } = this.config;
    if (state.version !== 1) fail("state.version", "1", state.version);
    const named = this.#namedVariables();
    for (const [name, variable] of named) {
      const values = state.variables[name];
      if (values?.length !== variable.size) fail(`state.variables.${name}`, `${variable.size} numbers`, values?.length);
    }
    for (const name of ["rotation", "correlation"] as const) {
      if (state[name].length !== dim * dim) fail(`state.${name}`, `${dim * dim} numbers`, state[name].length);
    }
    const room = this.config.bufferSize * dim;
    if (state.buffer.length > room) fail("state.buffer", `at most ${room} numbers`, state.buffer.length);
    tf.tidy(() => {
      for (const [name, variable] of named) variable.assign(tf.tensor(state.variables[name]!, variable.shape));
    });
    this.#stepsDone = state.step;
    this.#isReady = state.ready;
    this.#random.state = state.random;
    this.#buffer = new Float32Array(0);
    this.#gathered = 0;
    if (state.buffer.length > 0) this.#gather(state.buffer);
    this.#rotation.reset(state.rotation, state.correlation);
  }

  /** Frees the variables and what was kept for `afterStep`. */
  dispose(): void {
    this.#keepItems(null);
    this.#keepBatch(null);
    this.#upkeep.dispose();
    this.#rotation.dispose();
    this.#quantizer.dispose();
  }

  /** Everything that a checkpoint holds besides the schedule and the rotation. */
  #namedVariables(): [string, tf.Variable][] {
    const entries: [string, tf.Variable | null | undefined][] = [
      ["coarseCentroids", this.coarseCentroids],
      ["centroids", this.centroids],
      ...this.#upkeep.namedVariables(),
    ];
    return entries.filter((entry): entry is [string, tf.Variable] => entry[1] != null);
  }

  #keepItems(x: tf.Tensor2D | null): void {
    this.#items?.dispose();
    this.#items = x && tf.keep(tf.clone(x));
  }

  #keepBatch(at: Assignment | null): void {
    if (this.#batch) tf.dispose(Object.values(this.#batch));
    const keep = <T extends tf.Tensor>(tensor: T): T => tf.keep(tf.clone(tensor));
    this.#batch = at && {
      y: keep(at.y),
      residual: keep(at.residual),
      decoded: keep(at.decoded),
      coarseCodes: keep(at.coarseCodes),
      codes: keep(at.codes),
      rows: keep(at.rows),
    };
  }

  /** The very first batch is looked at where the backend can do so at once; later ones by `afterStep`. */
  #checkFirstInput(x: tf.Tensor2D): void {
    if (this.#checkedInput) return;
    this.#checkedInput = true;
    if (tf.getBackend() !== "webgpu") expectFinite("x", x.dataSync());
  }
}

/** (b) the cells of the items that queries led to. */
function cellsOf(coarseCodes: tf.Tensor1D, b: number, answers: tf.Tensor1D | undefined): tf.Tensor1D {
  if (!isOnDevice()) return answers ? tf.gather(coarseCodes, answers) : tf.slice(coarseCodes, 0, b);
  if (!answers && b === coarseCodes.size) return coarseCodes;
  const cells = asColumn(coarseCodes);
  const led = answers ? gatherRows(cells, asInts(asColumn(answers))) : tf.slice(cells, 0, b);
  return tf.reshape(led, [b]);
}
