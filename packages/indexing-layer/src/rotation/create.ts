import * as tf from "@tensorflow/tfjs-core";
import type { IndexingLayerConfig } from "../config.ts";
import { isOnDevice } from "../device/on-device.ts";
import { GivensRotation } from "../givens.ts";
import { identityMatrix } from "../initialize.ts";
import type { Assignment } from "../losses/loss.ts";
import type { Quantizer } from "../quantizer.ts";
import { DeviceRotation } from "./device-rotation.ts";
import type { LayerRotation } from "./layer-rotation.ts";

/** R is turned where the tensors are. */
export function createRotation({ dim, givens, rotation }: IndexingLayerConfig, quantizer: Quantizer): LayerRotation {
  if (rotation.includes("givens") && isOnDevice()) return new DeviceRotation(dim, givens, quantizer);
  return new HostRotation(new GivensRotation(identityMatrix(dim), dim, givens), quantizer);
}

/** A rotation in double precision on the host. */
class HostRotation implements LayerRotation {
  #givens: GivensRotation;
  readonly #quantizer: Quantizer;

  constructor(givens: GivensRotation, quantizer: Quantizer) {
    this.#givens = givens;
    this.#quantizer = quantizer;
  }

  async update(batch: Assignment): Promise<void> {
    const correlation = tf.tidy(() => tf.matMul(tf.transpose(batch.y), batch.decoded));
    const values = await correlation.data();
    correlation.dispose();
    this.#givens.update(values, batch.y.shape[0]);
    this.#quantizer.setRotation(this.#givens.matrix);
  }

  async matrix(): Promise<Float64Array> {
    return this.#givens.matrix.slice();
  }

  async correlation(): Promise<Float64Array> {
    return this.#givens.correlation.slice();
  }

  reset(matrix: Float64Array, correlation?: Float64Array): void {
    const { dim, config } = this.#givens;
    this.#givens = new GivensRotation(matrix.slice(), dim, config);
    if (correlation) this.#givens.correlation.set(correlation);
    this.#quantizer.setRotation(matrix);
  }

  dispose(): void {}
}
