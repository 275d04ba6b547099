import * as tf from "@tensorflow/tfjs-core";
import type { ImproveKernel } from "./codes/improve-kernel.ts";
import type { CodedVectors, ScoreError, SubQuantizers } from "./codes/score-error.ts";
import { solveSymmetric } from "./solve.ts";

export type { CodedVectors, ScoreError, SubQuantizers };

export interface Improvement {
  readonly sweeps: number;
  /** Moves the centroids, in place, to where they cost least, in every sweep but the last. */
  readonly fit?: boolean | undefined;
}

let kernel: ImproveKernel | undefined;

/** Lets `improveCodes` choose codes by a kernel where centroids stay; without one everything is done in tensors. */
export function useImproveKernel(fast: ImproveKernel | undefined): void {
  kernel = fast;
}

/** Rows of which the costs of all centroids are in memory at a time. */
const SLICE = 4096;

/**
 * Coordinate descent on the cost of the errors: sub-quantizer by sub-quantizer each vector takes the code that costs
 * least while its others stay, and then, when asked to, each centroid the place that costs least for the vectors that
 * have it. No step makes the whole cost larger.
 */
export async function improveCodes(
  quantizers: SubQuantizers,
  coded: CodedVectors,
  error: ScoreError,
  { sweeps, fit = false }: Improvement,
): Promise<void> {
  if (!fit && kernel?.serves(quantizers)) return kernel.run(quantizers, coded, error, sweeps);
  const state = new Errors(quantizers, coded, error);
  await state.start();
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let m = 0; m < quantizers.numSubQuantizers; m++) await state.improve(m, fit && sweep < sweeps - 1);
  }
}

/** The mean cost of some vectors' errors, by its definition. */
export function meanCost(quantizers: SubQuantizers, coded: CodedVectors, { moment, along }: ScoreError): number {
  const { dim } = quantizers;
  const errors = errorsOf(quantizers, coded);
  let total = 0;
  for (let from = 0; from < errors.length; from += dim) {
    const [e, x] = [errors.subarray(from, from + dim), coded.rotated.subarray(from, from + dim)];
    for (let i = 0; i < dim; i++) {
      if (!moment) total += e[i]! ** 2;
      else for (let j = 0; j < dim; j++) total += e[i]! * moment[i * dim + j]! * e[j]!;
    }
    const norm = Math.hypot(...x);
    if (norm > 0) total += along * (e.reduce((sum, value, d) => sum + value * x[d]!, 0) / norm) ** 2;
  }
  return (total * dim) / errors.length;
}

/** x·R − x̂·R, (n, dim). */
function errorsOf(
  { dim, numSubQuantizers: M, numCentroids, coarseCentroids, centroids }: SubQuantizers,
  { rotated, cells, codes }: CodedVectors,
): Float32Array {
  const subDim = dim / M;
  const errors = rotated.slice();
  for (let i = 0; i < cells.length; i++) {
    for (let d = 0; d < dim; d++) {
      const m = Math.floor(d / subDim);
      const own = (m * numCentroids + codes[i * M + m]!) * subDim + (d % subDim);
      const shared = coarseCentroids.length > 0 ? coarseCentroids[cells[i]! * dim + d]! : 0;
      errors[i * dim + d]! -= shared + centroids[own]!;
    }
  }
  return errors;
}

/** One sub-quantizer's part of a slice: what its costs are made of. */
interface Part {
  /** (rows, subDim): H_mm·r + H_m,−m·e, and the unit vectors' own part. */
  readonly linear: Float32Array;
  readonly unit: Float32Array;
  /** (rows): what the error along the item would be without this sub-quantizer's centroid. */
  readonly without: Float32Array;
}

/** The errors of some vectors, kept up to date while codes and centroids change. */
class Errors {
  readonly #quantizers: SubQuantizers;
  readonly #coded: CodedVectors;
  readonly #moment: Float32Array | undefined;
  readonly #along: number;
  readonly #subDim: number;
  readonly #errors: Float32Array;
  /** H·e, of a moment only. */
  #weighted: Float32Array;
  /** (n): 1 / ‖x‖, and e·x/‖x‖. */
  readonly #scales: Float32Array;
  readonly #alongs: Float32Array;

  constructor(quantizers: SubQuantizers, coded: CodedVectors, { moment, along }: ScoreError) {
    const { dim } = quantizers;
    this.#quantizers = quantizers;
    this.#coded = coded;
    this.#moment = moment;
    this.#along = along;
    this.#subDim = dim / quantizers.numSubQuantizers;
    this.#errors = errorsOf(quantizers, coded);
    this.#weighted = this.#errors;
    const n = coded.cells.length;
    this.#scales = new Float32Array(n);
    this.#alongs = new Float32Array(n);
    for (let i = 0; i < n; i++) {
      let [square, along] = [0, 0];
      for (let d = i * dim; d < (i + 1) * dim; d++) {
        square += coded.rotated[d]! ** 2;
        along += this.#errors[d]! * coded.rotated[d]!;
      }
      this.#scales[i] = square > 0 ? 1 / Math.sqrt(square) : 0;
      this.#alongs[i] = along * this.#scales[i]!;
    }
  }

  async start(): Promise<void> {
    if (!this.#moment) return;
    this.#weighted = new Float32Array(this.#errors.length);
    await this.#addWeighted(0, this.#quantizers.dim, this.#errors);
  }

  /** Chooses the codes of a sub-quantizer anew, and its centroids when asked to. */
  async improve(m: number, fit: boolean): Promise<void> {
    const { numCentroids, numSubQuantizers: M, centroids } = this.#quantizers;
    const { cells, codes } = this.#coded;
    const subDim = this.#subDim;
    const own = centroids.subarray(m * numCentroids * subDim, (m + 1) * numCentroids * subDim);
    const moment = this.#block(m);
    const sums = fit ? new CentroidSums(numCentroids, subDim, moment, this.#along) : undefined;
    for (let from = 0; from < cells.length; from += SLICE) {
      const part = this.#part(m, from, Math.min(SLICE, cells.length - from), moment);
      const chosen = await cheapest(part, own, moment, this.#along);
      for (let i = 0; i < chosen.length; i++) {
        codes[(from + i) * M + m] = chosen[i]!;
        sums?.add(chosen[i]!, part, i);
      }
    }
    sums?.moveTo(own);
    await this.#update(m, own);
  }

  /** H_mm, (subDim, subDim). */
  #block(m: number): Float32Array {
    const [subDim, { dim }] = [this.#subDim, this.#quantizers];
    return Float32Array.from({ length: subDim * subDim }, (_, at) => {
      const [i, j] = [Math.floor(at / subDim), at % subDim];
      return this.#moment ? this.#moment[(m * subDim + i) * dim + m * subDim + j]! : Number(i === j);
    });
  }

  #part(m: number, from: number, rows: number, moment: Float32Array): Part {
    const { dim, numCentroids, numSubQuantizers: M, centroids } = this.#quantizers;
    const { rotated, codes } = this.#coded;
    const subDim = this.#subDim;
    const [linear, unit] = [new Float32Array(rows * subDim), new Float32Array(rows * subDim)];
    const without = new Float32Array(rows);
    for (let i = 0; i < rows; i++) {
      const [row, to] = [(from + i) * dim + m * subDim, i * subDim];
      const code = (m * numCentroids + codes[(from + i) * M + m]!) * subDim;
      let along = this.#alongs[from + i]!;
      for (let d = 0; d < subDim; d++) {
        unit[to + d] = rotated[row + d]! * this.#scales[from + i]!;
        // the error without this centroid is e + c
        along += unit[to + d]! * centroids[code + d]!;
        let value = this.#weighted[row + d]!;
        for (let f = 0; f < subDim; f++) value += moment[d * subDim + f]! * centroids[code + f]!;
        linear[to + d] = value;
      }
      without[i] = along;
    }
    return { linear, unit, without };
  }

  /** Brings the errors up to date with the codes and centroids of a sub-quantizer. */
  async #update(m: number, own: Float32Array): Promise<void> {
    const { dim, numSubQuantizers: M, coarseCentroids } = this.#quantizers;
    const { rotated, cells, codes } = this.#coded;
    const subDim = this.#subDim;
    const changes = new Float32Array(cells.length * subDim);
    for (let i = 0; i < cells.length; i++) {
      for (let d = 0; d < subDim; d++) {
        const [at, column] = [i * dim + m * subDim + d, m * subDim + d];
        const shared = coarseCentroids.length > 0 ? coarseCentroids[cells[i]! * dim + column]! : 0;
        const error = rotated[at]! - shared - own[codes[i * M + m]! * subDim + d]!;
        const change = error - this.#errors[at]!;
        changes[i * subDim + d] = change;
        this.#errors[at] = error;
        this.#alongs[i]! += change * rotated[at]! * this.#scales[i]!;
      }
    }
    if (this.#moment) await this.#addWeighted(m * subDim, subDim, changes);
  }

  /** weighted += changes of some columns · their rows of H */
  async #addWeighted(column: number, width: number, changes: Float32Array): Promise<void> {
    const { dim } = this.#quantizers;
    const rows = this.#moment!.subarray(column * dim, (column + width) * dim);
    const n = this.#coded.cells.length;
    for (let from = 0; from < n; from += SLICE) {
      const count = Math.min(SLICE, n - from);
      const product = tf.tidy(() => {
        const slice = tf.tensor2d(changes.subarray(from * width, (from + count) * width), [count, width]);
        return tf.matMul(slice, tf.tensor2d(rows, [width, dim]));
      });
      const values = await product.data();
      product.dispose();
      for (let i = 0, at = from * dim; i < values.length; i++, at++) this.#weighted[at]! += values[i]!;
    }
  }
}

/** The code of least cost of each row: cᵀ·H_mm·c − 2·c·linear + along · (without − unit·c)². */
async function cheapest(
  { linear, unit, without }: Part,
  own: Float32Array,
  moment: Float32Array,
  along: number,
): Promise<ArrayLike<number>> {
  const rows = without.length;
  const subDim = linear.length / rows;
  const best = tf.tidy(() => {
    const table = tf.tensor2d(own, [own.length / subDim, subDim]);
    const squares = tf.sum(tf.mul(tf.matMul(table, tf.tensor2d(moment, [subDim, subDim])), table), 1);
    const columns = tf.transpose(table);
    const products = tf.matMul(tf.tensor2d(linear, [rows, subDim]), columns);
    const gain = tf.sub(tf.mul(products, 2), squares);
    if (along === 0) return tf.argMax(gain, 1);
    const left = tf.sub(tf.tensor2d(without, [rows, 1]), tf.matMul(tf.tensor2d(unit, [rows, subDim]), columns));
    return tf.argMax(tf.sub(gain, tf.mul(tf.square(left), along)), 1);
  });
  const chosen = await best.data();
  best.dispose();
  return chosen;
}

/** The normal equations of each centroid: where it costs the vectors that have it least. */
class CentroidSums {
  readonly #subDim: number;
  readonly #along: number;
  readonly #moment: Float32Array;
  readonly #counts: Uint32Array;
  /** (ksub, subDim, subDim): Σ unit·unitᵀ; (ksub, subDim): Σ (linear + along · without · unit). */
  readonly #outer: Float64Array;
  readonly #right: Float64Array;

  constructor(numCentroids: number, subDim: number, moment: Float32Array, along: number) {
    this.#subDim = subDim;
    this.#along = along;
    this.#moment = moment;
    this.#counts = new Uint32Array(numCentroids);
    this.#outer = new Float64Array(numCentroids * subDim * subDim);
    this.#right = new Float64Array(numCentroids * subDim);
  }

  add(code: number, { linear, unit, without }: Part, row: number): void {
    const subDim = this.#subDim;
    const from = row * subDim;
    this.#counts[code]!++;
    for (let i = 0; i < subDim; i++) {
      const own = this.#along * unit[from + i]!;
      this.#right[code * subDim + i]! += linear[from + i]! + own * without[row]!;
      if (own === 0) continue;
      const at = (code * subDim + i) * subDim;
      for (let j = 0; j < subDim; j++) this.#outer[at + j]! += own * unit[from + j]!;
    }
  }

  /** A centroid that no vector has stays where it is. */
  moveTo(own: Float32Array): void {
    const subDim = this.#subDim;
    for (let code = 0; code < this.#counts.length; code++) {
      const count = this.#counts[code]!;
      if (count === 0) continue;
      const left = this.#outer.subarray(code * subDim * subDim, (code + 1) * subDim * subDim);
      for (let at = 0; at < left.length; at++) left[at]! += count * this.#moment[at]!;
      own.set(solveSymmetric(left, this.#right.subarray(code * subDim, (code + 1) * subDim)), code * subDim);
    }
  }
}
