import * as tf from "@tensorflow/tfjs-core";
import { balanceLoss } from "./balance-loss.ts";
import { type IndexingLayerConfig, type IndexingLayerOptions, resolveConfig } from "./config.ts";
import { withGradient } from "./custom-gradient.ts";
import { MovingCentroids } from "./ema.ts";
import { expectFinite, fail } from "./errors.ts";
import { GivensRotation } from "./givens.ts";
import { identityMatrix, initializeCodebook } from "./initialize.ts";
import { type Assignment, commitmentLoss, distortionLoss } from "./losses.ts";
import { assignCoarse, assignCodes, decodeRows, flatCodes } from "./quantize.ts";
import { Random } from "./random.ts";
import { distillationLoss, routingLoss } from "./ranking-losses.ts";
import { rotationTrick } from "./rotation-trick.ts";
import type { IndexingLayerState } from "./state.ts";
import { straightThrough } from "./straight-through.ts";

/** warmup: items pass unchanged. collecting: so they do, and are gathered. joint: they are quantized and trained. */
export type Phase = "warmup" | "collecting" | "joint";

export interface CallOptions {
  /** In training the schedule decides whether items are quantized; otherwise they always are. Default false. */
  training?: boolean;
  /**
   * (b, dim) unit query vectors, row i belonging to row i of the items, b <= n; further items are further negatives.
   * Given in training, they bring in the distillation and routing losses, whose gradients reach them too.
   */
  queries?: tf.Tensor2D;
}

/** Weighted terms and their sum, scalars that stay on the tape. Terms whose weight is 0 are absent. */
export interface Losses {
  total: tf.Scalar;
  distortion?: tf.Scalar;
  commitment?: tf.Scalar;
  balance?: tf.Scalar;
  distillation?: tf.Scalar;
  routing?: tf.Scalar;
}

export interface CallResult {
  /** (n, dim), straight-through in training. Not re-normalised: scores are inner products with it. */
  quantized: tf.Tensor2D;
  /** (n) int32, cell of each item; zeros while bypassed or without cells. */
  coarseCodes: tf.Tensor1D;
  /** (n, M) int32; zeros while bypassed. */
  codes: tf.Tensor2D;
  losses: Losses;
}

/** The trained quantizer in pq-core's layout. */
export interface Codebook {
  dim: number;
  nlist: number;
  numSubQuantizers: number;
  nbits: 4 | 8;
  /** (dim, dim) row-major, applied as x·R; absent when there is none. */
  rotation?: Float32Array;
  /** (nlist, dim) in the rotated space. */
  coarseCentroids: Float32Array;
  /** (M, ksub, subDim) of the residual in the rotated space. */
  centroids: Float32Array;
}

/** `y` = x·R with a gradient to x that needs no flagged transpose. */
function rotate(x: tf.Tensor2D, y: tf.Tensor2D, rotationTransposed: tf.Tensor2D): tf.Tensor2D {
  return withGradient([x], y, [rotationTransposed], (dy, kept) => [tf.matMul(dy, kept[0] as tf.Tensor2D)]);
}

/**
 * The Poeem indexing layer (Zhang et al., SIGIR 2021, arXiv 2105.03933): rotates items, quantizes them to a coarse
 * centroid plus M sub-quantizer centroids of the residual, and rotates back, so that an item tower is trained on what
 * the index will later hold.
 *
 * Use: `call` inside `tf.variableGrads`, apply the gradients, then `await afterStep()` once.
 */
export class IndexingLayer {
  readonly config: IndexingLayerConfig;
  readonly coarseCentroids: tf.Variable<tf.Rank.R2> | null;
  readonly centroids: tf.Variable<tf.Rank.R3>;
  /** R and its transpose (kept because the wasm backend multiplies by transposes slowly), never trained by an optimizer. */
  private readonly rotation: tf.Variable<tf.Rank.R2> | null;
  private readonly rotationTransposed: tf.Variable<tf.Rank.R2> | null;
  private givens: GivensRotation;
  private readonly coarseMoving: MovingCentroids | null;
  private readonly moving: MovingCentroids | null;
  private readonly random: Random;
  private buffer: Float32Array;
  /** The last quantized training batch, kept for `afterStep`. */
  private batch: Assignment | null = null;
  private checkedInput = false;
  private isReady = false;
  private stepsDone = 0;

  /** @throws Error naming the option at fault. */
  constructor(options: IndexingLayerOptions) {
    const config = resolveConfig(options);
    this.config = config;
    const { dim, nlist, numSubQuantizers, nbits } = config;
    const ksub = 1 << nbits;
    const subDim = dim / numSubQuantizers;
    this.random = new Random(config.seed);
    const noise = (length: number) => Float32Array.from({ length }, () => 0.05 * this.random.normal());
    const trained = config.codebookUpdate === "gradient";
    this.coarseCentroids = nlist
      ? tf.tidy(() => tf.variable(tf.tensor2d(noise(nlist * dim), [nlist, dim]), trained))
      : null;
    this.centroids = tf.tidy(() =>
      tf.variable(tf.tensor3d(noise(dim * ksub), [numSubQuantizers, ksub, subDim]), trained),
    );
    const rotates = config.rotation !== "none";
    const unit = Float32Array.from(identityMatrix(dim));
    this.rotation = rotates ? tf.tidy(() => tf.variable(tf.tensor2d(unit, [dim, dim]), false)) : null;
    this.rotationTransposed = rotates ? tf.tidy(() => tf.variable(tf.tensor2d(unit, [dim, dim]), false)) : null;
    this.givens = new GivensRotation(identityMatrix(dim), dim, config.givens);
    this.coarseMoving = nlist && !trained ? new MovingCentroids(nlist, dim, config.emaDecay) : null;
    this.moving = trained ? null : new MovingCentroids(numSubQuantizers * ksub, subDim, config.emaDecay);
    this.buffer = new Float32Array(0);
  }

  /** Steps that `afterStep` has closed. */
  get step(): number {
    return this.stepsDone;
  }

  get phase(): Phase {
    if (this.isReady) return "joint";
    return this.stepsDone < this.config.warmupSteps ? "warmup" : "collecting";
  }

  /** Whether training batches are quantized already. */
  get ready(): boolean {
    return this.isReady;
  }

  /** Variables for the optimizer: the centroids when they follow gradients, none when they are moving averages. */
  get trainableVariables(): tf.Variable[] {
    return this.allVariables().filter((variable) => variable.trainable);
  }

  /**
   * Quantizes a batch of items.
   * @param x (n, dim)
   */
  call(x: tf.Tensor2D, options: CallOptions = {}): CallResult {
    const { dim, numSubQuantizers } = this.config;
    const training = options.training ?? false;
    if (x.shape.length !== 2 || x.shape[1] !== dim) fail("x", `shape [batch, ${dim}]`, `[${x.shape}]`);
    this.checkFirstInput(x);
    if (training && this.phase !== "joint") {
      this.keepBatch(null);
      const n = x.shape[0];
      return {
        quantized: tf.clone(x),
        coarseCodes: tf.zeros([n], "int32"),
        codes: tf.zeros([n, numSubQuantizers], "int32"),
        losses: { total: tf.scalar(0) },
      };
    }
    const at = this.assign(x);
    const quantized = this.rotateBack(at.decoded);
    if (!training) return { quantized, coarseCodes: at.coarseCodes, codes: at.codes, losses: { total: tf.scalar(0) } };
    this.keepBatch(at);
    return {
      quantized: this.estimate(x, quantized),
      coarseCodes: at.coarseCodes,
      codes: at.codes,
      losses: this.losses(x, quantized, at, options.queries),
    };
  }

  /** Rotates, assigns and decodes (n, dim) items. */
  assign(x: tf.Tensor2D): Assignment {
    const { numSubQuantizers, nbits } = this.config;
    const y: tf.Tensor2D = this.rotation ? tf.matMul(x, this.rotation) : x;
    const coarseCodes = this.coarseCentroids
      ? assignCoarse(y, this.coarseCentroids)
      : tf.zeros<tf.Rank.R1>([x.shape[0]], "int32");
    const cells: tf.Tensor2D | null = this.coarseCentroids ? tf.gather(this.coarseCentroids, coarseCodes) : null;
    const codes = assignCodes(cells ? tf.sub<tf.Tensor2D>(y, cells) : y, this.centroids);
    const rows = flatCodes(codes, 1 << nbits);
    const residual = decodeRows(rows, this.centroids);
    if (codes.shape[1] !== numSubQuantizers) fail("codes", `${numSubQuantizers} columns`, codes.shape[1]);
    return { y, decoded: cells ? tf.add<tf.Tensor2D>(cells, residual) : residual, coarseCodes, codes, rows };
  }

  /** (n, dim) of the rotated space -> the items' own space. */
  rotateBack(decoded: tf.Tensor2D): tf.Tensor2D {
    return this.rotationTransposed ? tf.matMul(decoded, this.rotationTransposed) : decoded;
  }

  private losses(x: tf.Tensor2D, quantized: tf.Tensor2D, at: Assignment, queries: tf.Tensor2D | undefined): Losses {
    const { config } = this;
    const scale = config.reduction === "mean" ? 1 / x.shape[0] : 1;
    const terms: Omit<Losses, "total"> = {};
    if (config.distortionWeight > 0) {
      const weight = config.distortionWeight * scale;
      terms.distortion = distortionLoss(at, this.coarseCentroids, this.centroids, weight, config.anisotropicEta);
    }
    if (config.commitmentWeight > 0) terms.commitment = commitmentLoss(x, quantized, config.commitmentWeight * scale);
    if (config.balanceWeight > 0) terms.balance = this.balance(x, at);
    if (queries) {
      const [b, dim] = queries.shape;
      if (b > x.shape[0] || dim !== config.dim)
        fail("queries", `at most ${x.shape[0]} rows of ${config.dim}`, `[${b},${dim}]`);
      const perQuery = config.reduction === "mean" ? 1 / b : 1;
      if (config.distillationWeight > 0) {
        const weight = config.distillationWeight * perQuery;
        const student = this.estimate(x, quantized);
        terms.distillation = distillationLoss(queries, x, student, config.scoreScale, weight);
      }
      if (config.routingWeight > 0 && this.coarseCentroids) {
        const cells = tf.slice(at.coarseCodes, 0, b);
        const centroids = this.rotateBack(this.coarseCentroids);
        terms.routing = routingLoss(queries, cells, centroids, config.routingScale, config.routingWeight * perQuery);
      }
    }
    const values = Object.values(terms) as tf.Scalar[];
    return { total: values.length ? tf.addN(values) : tf.scalar(0), ...terms };
  }

  private estimate(x: tf.Tensor2D, quantized: tf.Tensor2D): tf.Tensor2D {
    return this.config.estimator === "rotation-trick" ? rotationTrick(x, quantized) : straightThrough(x, quantized);
  }

  /** The balance loss acts on rotated items; its softness follows the batch's own mean squared distances. */
  private balance(x: tf.Tensor2D, at: Assignment): tf.Scalar {
    const { config, coarseCentroids, centroids } = this;
    const cells = coarseCentroids ? tf.gather<tf.Tensor2D>(coarseCentroids, at.coarseCodes) : null;
    const meanSquare = (error: tf.Tensor2D, parts: number) =>
      tf.mul<tf.Scalar>(tf.sum(tf.square(error)), config.balanceTemperature / (x.shape[0] * parts));
    const coarse = cells ? meanSquare(tf.sub(at.y, cells), 1) : 1;
    const sub = meanSquare(tf.sub(at.y, at.decoded), config.numSubQuantizers);
    const y = this.rotation ? rotate(x, at.y, this.rotationTransposed!) : x;
    return balanceLoss(y, coarseCentroids, cells, centroids, coarse, sub, config.balanceWeight);
  }

  /**
   * Closes a training step: advances the schedule, gathers the sample, initialises the codebook when it is full, and
   * in the joint phase moves centroids (EMA) and rotation (Givens). Reads back asynchronously only.
   *
   * @param x (n, dim) the step's items, needed while collecting; in the joint phase the last `call` remembers them
   */
  async afterStep(x?: tf.Tensor2D): Promise<void> {
    const phase = this.phase;
    this.stepsDone++;
    if (phase === "collecting") {
      if (!x) fail("x", "the step's items while the sample is gathered", "nothing");
      await this.collect(x);
    } else if (phase === "joint") {
      const batch = this.batch;
      if (!batch) fail("afterStep", "a training call before it", "none");
      this.moveCentroids(batch);
      await this.moveRotation(batch);
      this.keepBatch(null);
    }
  }

  private async collect(x: tf.Tensor2D): Promise<void> {
    const { dim, bufferSize } = this.config;
    const rows = (await x.data()) as Float32Array;
    expectFinite("x", rows);
    const room = bufferSize * dim - this.buffer.length;
    const joined = new Float32Array(this.buffer.length + Math.min(room, rows.length));
    joined.set(this.buffer);
    joined.set(rows.subarray(0, joined.length - this.buffer.length), this.buffer.length);
    this.buffer = joined;
    if (joined.length === bufferSize * dim) await this.initialize(joined);
  }

  /**
   * Fits rotation, coarse centroids and sub-quantizers to a sample and starts the joint phase.
   * @param samples (n, dim) row-major, n at least nlist and 2^nbits
   */
  async initialize(samples: Float32Array): Promise<void> {
    const { dim, nlist, numSubQuantizers, nbits } = this.config;
    const least = Math.max(nlist, 1 << nbits) * dim;
    if (samples.length % dim !== 0) fail("samples", `a multiple of dim (${dim}) numbers`, samples.length);
    if (samples.length < least) fail("samples", `at least ${least} numbers (nlist or 2^nbits rows)`, samples.length);
    expectFinite("samples", samples);
    const initial = await initializeCodebook(samples, this.config, this.random);
    const subDim = dim / numSubQuantizers;
    tf.tidy(() => {
      this.coarseCentroids?.assign(tf.tensor2d(initial.coarseCentroids, [nlist, dim]));
      this.centroids.assign(tf.tensor3d(initial.centroids, [numSubQuantizers, 1 << nbits, subDim]));
    });
    // As if the sample had arrived in batches of the size of its smallest useful batch: one vector a centroid on average.
    const perCentroid = (counts: Float32Array, numCentroids: number) =>
      counts.map((count) => (Math.max(count, 1) * numCentroids * dim) / samples.length);
    this.coarseMoving?.reset(initial.coarseCentroids, perCentroid(initial.coarseCounts, nlist));
    this.moving?.reset(initial.centroids, perCentroid(initial.counts, 1 << nbits));
    this.givens = new GivensRotation(initial.rotation, dim, this.config.givens);
    this.pushRotation();
    this.buffer = new Float32Array(0);
    this.isReady = true;
  }

  private moveCentroids(batch: Assignment): void {
    const { coarseMoving, moving, coarseCentroids, centroids } = this;
    if (!moving) return;
    tf.tidy(() => {
      const [m, ksub, subDim] = centroids.shape;
      const cells = coarseCentroids ? tf.gather(coarseCentroids, batch.coarseCodes) : null;
      const residual = cells ? tf.sub(batch.y, cells) : batch.y;
      const vectors = tf.reshape<tf.Rank.R2>(residual, [batch.rows.shape[0], subDim]);
      const current = tf.reshape<tf.Rank.R2>(centroids, [m * ksub, subDim]);
      centroids.assign(tf.reshape(moving.update(batch.rows, vectors, current), [m, ksub, subDim]));
      if (coarseCentroids && coarseMoving) {
        coarseCentroids.assign(coarseMoving.update(batch.coarseCodes, batch.y, coarseCentroids));
      }
    });
  }

  private async moveRotation(batch: Assignment): Promise<void> {
    const { config, givens } = this;
    if (!config.rotation.includes("givens") || this.stepsDone % config.givens.every !== 0) return;
    const correlation = tf.tidy(() => tf.matMul(tf.transpose(batch.y), batch.decoded));
    const values = await correlation.data();
    correlation.dispose();
    givens.update(values, batch.y.shape[0], this.random);
    this.pushRotation();
  }

  private pushRotation(): void {
    const { dim } = this.config;
    if (!this.rotation || !this.rotationTransposed) return;
    const { rotation, rotationTransposed } = this;
    tf.tidy(() => {
      const matrix = tf.tensor2d(Float32Array.from(this.givens.matrix), [dim, dim]);
      rotation.assign(matrix);
      rotationTransposed.assign(tf.transpose(matrix));
    });
  }

  /** The trained quantizer in pq-core's layout, read back from the backend. */
  async codebook(): Promise<Codebook> {
    const { dim, nlist, numSubQuantizers, nbits } = this.config;
    return {
      dim,
      nlist,
      numSubQuantizers,
      nbits,
      ...(this.rotation ? { rotation: Float32Array.from(this.givens.matrix) } : {}),
      coarseCentroids: this.coarseCentroids
        ? ((await this.coarseCentroids.data()) as Float32Array)
        : new Float32Array(0),
      centroids: (await this.centroids.data()) as Float32Array,
    };
  }

  /** A snapshot from which `setState` goes on bit for bit. */
  async getState(): Promise<IndexingLayerState> {
    const variables: Record<string, Float32Array> = {};
    for (const [name, variable] of this.namedVariables()) variables[name] = Float32Array.from(await variable.data());
    return {
      version: 1,
      config: this.config,
      step: this.stepsDone,
      ready: this.isReady,
      random: this.random.state,
      buffer: this.buffer.slice(),
      rotation: this.givens.matrix.slice(),
      correlation: this.givens.correlation.slice(),
      variables,
    };
  }

  /** Restores a snapshot. @throws Error when it was taken from another shape. */
  setState(state: IndexingLayerState): void {
    if (state.version !== 1) fail("state.version", "1", state.version);
    const named = this.namedVariables();
    for (const [name, variable] of named) {
      const values = state.variables[name];
      if (values?.length !== variable.size) fail(`state.variables.${name}`, `${variable.size} numbers`, values?.length);
    }
    const { dim } = this.config;
    if (state.rotation.length !== dim * dim) fail("state.rotation", `${dim * dim} numbers`, state.rotation.length);
    tf.tidy(() => {
      for (const [name, variable] of named) variable.assign(tf.tensor(state.variables[name]!, variable.shape));
    });
    this.stepsDone = state.step;
    this.isReady = state.ready;
    this.random.state = state.random;
    this.buffer = state.buffer.slice();
    this.givens = new GivensRotation(state.rotation.slice(), dim, this.config.givens);
    this.givens.correlation.set(state.correlation);
    this.pushRotation();
  }

  dispose(): void {
    this.keepBatch(null);
    for (const variable of this.allVariables()) variable.dispose();
  }

  private namedVariables(): [string, tf.Variable][] {
    const entries: [string, tf.Variable | null | undefined][] = [
      ["coarseCentroids", this.coarseCentroids],
      ["centroids", this.centroids],
      ["coarseCounts", this.coarseMoving?.counts],
      ["coarseSums", this.coarseMoving?.sums],
      ["counts", this.moving?.counts],
      ["sums", this.moving?.sums],
    ];
    return entries.filter((entry): entry is [string, tf.Variable] => entry[1] != null);
  }

  private allVariables(): tf.Variable[] {
    const rotations = [this.rotation, this.rotationTransposed].filter((v) => v !== null);
    return [...this.namedVariables().map(([, variable]) => variable), ...rotations];
  }

  private keepBatch(batch: Assignment | null): void {
    if (this.batch) tf.dispose(Object.values(this.batch));
    this.batch = batch
      ? (Object.fromEntries(
          Object.entries(batch).map(([key, t]) => [key, tf.keep(tf.clone(t as tf.Tensor))]),
        ) as unknown as Assignment)
      : null;
  }

  /** The very first batch is looked at where the backend can do so at once; later ones by `afterStep`. */
  private checkFirstInput(x: tf.Tensor2D): void {
    if (this.checkedInput) return;
    this.checkedInput = true;
    if (tf.getBackend() !== "webgpu") expectFinite("x", x.dataSync());
  }
}
