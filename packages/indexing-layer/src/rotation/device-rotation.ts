import * as tf from "@tensorflow/tfjs-core";
import type { GivensConfig } from "../config.ts";
import { gatherRows } from "../device/gather-rows.ts";
import { expectFinite } from "../errors.ts";
import type { Assignment } from "../losses/loss.ts";
import { polished } from "../polar.ts";
import type { Quantizer } from "../quantizer.ts";
import type { LayerRotation } from "./layer-rotation.ts";
import { matchPairs } from "./matching.ts";

/**
 * Of what greedy pairs gain, 7 rounds find 99.8 % in the training of layers of 32 to 128 axes, in no update less than
 * 99.3 % (5 rounds: 98 and 93 %). An axis that is left over stays as it is in this update.
 */
const ROUNDS = 7;
/**
 * Updates between two looks at R. In single precision |RᵀR − I| grows to 7e-6 in that time, on WebGPU to 4e-5; unlooked
 * at it would be 2e-5 after 20,000 updates of 16 axes, and as much of 64.
 */
export const UPDATES_TO_POLISH = 500;
/** Keeps quotients and angles of nothing finite. */
const TINY = 1e-37;

/**
 * `GivensRotation` on a device, in single precision and in one go: all pairs of an update turn together, each axis by
 * its own angle, so that nothing has to be read back but every 500 updates, when rounding errors are taken out.
 */
export class DeviceRotation implements LayerRotation {
  readonly #config: GivensConfig;
  readonly #quantizer: Quantizer;
  /** Moving average of B per item, (dim, dim). */
  readonly #correlation: tf.Variable<tf.Rank.R2>;
  readonly #identity: tf.Tensor2D;
  /** (1, dim) 0, 1, 2, … */
  readonly #axes: tf.Tensor2D;

  constructor(dim: number, config: GivensConfig, quantizer: Quantizer) {
    this.#config = config;
    this.#quantizer = quantizer;
    const keep = (make: () => tf.Tensor2D) => tf.keep(tf.tidy(make));
    this.#identity = keep(() => tf.eye(dim));
    this.#axes = keep(() =>
      tf.tensor2d(
        Float32Array.from({ length: dim }, (_, axis) => axis),
        [1, dim],
      ),
    );
    this.#correlation = tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R2>([dim, dim]), false));
  }

  async update({ y, decoded }: Assignment, updates: number): Promise<void> {
    const { decay } = this.#config;
    tf.tidy(() => {
      const fresh = tf.mul(tf.matMul(y, decoded, true), (1 - decay) / y.shape[0]);
      this.#turn(tf.add(tf.mul(this.#correlation, decay), fresh));
    });
    if (updates % UPDATES_TO_POLISH === 0) await this.#polish();
  }

  /** Turns R and B (dim, dim) as `GivensRotation.turn` does for each pair. */
  #turn(b: tf.Tensor2D): void {
    const { rotation, rotationTransposed } = this.#quantizer;
    if (!rotation || !rotationTransposed) return;
    const diagonal = tf.mul(b, this.#identity);
    // of axes i and j: B_ii + B_jj, and B_ji - B_ij
    const stay = tf.add<tf.Tensor2D>(tf.sum(diagonal, 1, true), tf.sum(diagonal, 0, true));
    const slope = tf.sub<tf.Tensor2D>(tf.transpose(b), b);
    const pairs = matchPairs(pairGains(stay, slope), this.#identity, ROUNDS);
    const ofPair = (x: tf.Tensor2D) => tf.sum(tf.mul(pairs, x), 1, true) as tf.Tensor2D;
    // the other axis of a pair has the negative slope and so the negative angle; one alone has none
    const angle = tf.mul(tf.atan2(ofPair(slope), tf.add(ofPair(stay), TINY)), this.#config.stepSize);
    const [cos, sin] = onCircle(tf.cos(angle), tf.sin(angle));
    const partner: tf.Tensor2D = tf.cast(ofPair(this.#axes), "int32");
    const turned = (rows: tf.Tensor2D): tf.Tensor2D =>
      tf.add(tf.mul(rows, cos), tf.mul(gatherRows(rows, partner), sin));
    // columns of R are rows of its transpose
    const transposed = turned(rotationTransposed);
    rotationTransposed.assign(transposed);
    rotation.assign(tf.transpose(transposed));
    this.#correlation.assign(turned(b));
  }

  async #polish(): Promise<void> {
    expectFinite("x", await this.#correlation.data());
    const matrix = await this.matrix();
    this.#quantizer.setRotation(polished(matrix, this.#axes.size));
  }

  async matrix(): Promise<Float64Array> {
    return Float64Array.from(await this.#quantizer.rotation!.data());
  }

  async correlation(): Promise<Float64Array> {
    return Float64Array.from(await this.#correlation.data());
  }

  reset(matrix: Float64Array, correlation?: Float64Array): void {
    this.#quantizer.setRotation(matrix);
    const { shape } = this.#correlation;
    tf.tidy(() =>
      this.#correlation.assign(correlation ? tf.tensor2d(Float32Array.from(correlation), shape) : tf.zeros(shape)),
    );
  }

  dispose(): void {
    tf.dispose([this.#correlation, this.#identity, this.#axes]);
  }
}

/** WebGPU grants both an error of 2^-11, by which every turn would stretch R: cos² + sin² is to be 1. */
function onCircle(cos: tf.Tensor, sin: tf.Tensor): [tf.Tensor, tf.Tensor] {
  const scale = tf.rsqrt(tf.add(tf.square(cos), tf.square(sin)));
  return [tf.mul(cos, scale), tf.mul(sin, scale)];
}

/** `pairGain` of all pairs, without the difference of two numbers that are nearly the same. */
function pairGains(stay: tf.Tensor2D, slope: tf.Tensor2D): tf.Tensor2D {
  const squared = tf.square(slope);
  const size = tf.abs(stay);
  const sum = tf.add(tf.add(tf.sqrt(tf.add(squared, tf.square(stay))), size), TINY);
  return tf.add(tf.div(squared, sum), tf.sub(size, stay));
}
