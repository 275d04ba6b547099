import * as tf from "@tensorflow/tfjs-core";
import { codesOf } from "./codes/codes.ts";
import type { IndexingLayerConfig } from "./config.ts";
import { offTape } from "./custom-gradient.ts";
import { rowsOf } from "./device/gather-rows.ts";
import type { Assignment } from "./losses/loss.ts";
import { assignCoarse } from "./quantize.ts";
import type { Random } from "./random.ts";

/** Makes the variables, so that a framework that keeps its own weights can hand them out. */
export type VariableFactory = (name: string, initial: tf.Tensor, trainable: boolean) => tf.Variable;

/** Variables that nobody else keeps. */
export const plainVariables: VariableFactory = (_name, initial, trainable) => tf.variable(initial, trainable);

/** The weights that turn items into codes and back, as backend variables. */
export class Quantizer {
  /** (nlist, dim) in the rotated space, or null for plain product quantization. */
  readonly coarseCentroids: tf.Variable<tf.Rank.R2> | null;
  /** (M, ksub, subDim), of the residual in the rotated space. */
  readonly centroids: tf.Variable<tf.Rank.R3>;
  /** R and its transpose (kept because the wasm backend multiplies by transposes slowly); no optimizer sees them. */
  readonly rotation: tf.Variable<tf.Rank.R2> | null;
  readonly rotationTransposed: tf.Variable<tf.Rank.R2> | null;

  /** Small random centroids and the identity rotation, until `assignCentroids` and `setRotation`. */
  constructor(config: IndexingLayerConfig, random: Random, create: VariableFactory) {
    const { dim, nlist, numSubQuantizers, nbits } = config;
    const ksub = 1 << nbits;
    const trained = config.codebookUpdate === "gradient";
    const noise = (shape: number[]) =>
      tf.tensor(
        Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => 0.05 * random.normal()),
        shape,
      );
    const make = <R extends tf.Rank>(name: string, initial: () => tf.Tensor, trainable: boolean) =>
      tf.tidy(() => create(name, initial(), trainable) as tf.Variable<R>);
    const subDim = dim / numSubQuantizers;
    this.coarseCentroids = nlist > 0 ? make("coarseCentroids", () => noise([nlist, dim]), trained) : null;
    this.centroids = make("centroids", () => noise([numSubQuantizers, ksub, subDim]), trained);
    const rotates = config.rotation !== "none";
    this.rotation = rotates ? make("rotation", () => tf.eye(dim), false) : null;
    this.rotationTransposed = rotates ? make("rotationTransposed", () => tf.eye(dim), false) : null;
  }

  /** Rotates, assigns and decodes (n, dim) items, off the tape: gradients are the business of estimator and losses. */
  assign(x: tf.Tensor2D): Assignment {
    const [y, residual, decoded, coarseCodes, codes, rows] = offTape(() => this.#assignOnTape(x));
    return { y, residual, decoded, coarseCodes, codes, rows };
  }

  #assignOnTape(x: tf.Tensor2D): [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor2D, tf.Tensor1D] {
    const y: tf.Tensor2D = this.rotation ? tf.matMul(x, this.rotation) : x;
    const coarseCodes = this.coarseCentroids
      ? assignCoarse(y, this.coarseCentroids)
      : tf.zeros<tf.Rank.R1>([x.shape[0]], "int32");
    const cells = this.coarseCentroids && rowsOf(this.coarseCentroids, coarseCodes);
    const residual = cells ? tf.sub<tf.Tensor2D>(y, cells) : y;
    const { codes, rows, decoded } = codesOf(residual, this.centroids);
    return [y, residual, cells ? tf.add<tf.Tensor2D>(cells, decoded) : decoded, coarseCodes, codes, rows];
  }

  /** (n, dim) of the rotated space -> the items' own space. */
  rotateBack(decoded: tf.Tensor2D): tf.Tensor2D {
    return this.rotationTransposed ? tf.matMul(decoded, this.rotationTransposed) : decoded;
  }

  /** @param matrix (dim, dim) row-major, applied as x·R */
  setRotation(matrix: Float64Array): void {
    const { rotation, rotationTransposed } = this;
    if (!rotation || !rotationTransposed) return;
    tf.tidy(() => {
      const r = tf.tensor2d(Float32Array.from(matrix), rotation.shape);
      rotation.assign(r);
      rotationTransposed.assign(tf.transpose(r));
    });
  }

  /** @param coarseCentroids (nlist, dim), @param centroids (M, ksub, subDim), both row-major */
  assignCentroids(coarseCentroids: Float32Array, centroids: Float32Array): void {
    tf.tidy(() => {
      this.coarseCentroids?.assign(tf.tensor2d(coarseCentroids, this.coarseCentroids.shape));
      this.centroids.assign(tf.tensor3d(centroids, this.centroids.shape));
    });
  }

  /** (n, dim) each item minus its coarse centroid as it is now, in the rotated space. */
  residual(at: Assignment): tf.Tensor2D {
    return this.coarseCentroids ? tf.sub(at.y, rowsOf(this.coarseCentroids, at.coarseCodes)) : at.y;
  }

  /** Frees the variables. */
  dispose(): void {
    for (const v of [this.coarseCentroids, this.centroids, this.rotation, this.rotationTransposed]) v?.dispose();
  }
}
