import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs"; // registers the gradients and the cpu backend
import "@tensorflow/tfjs-backend-wasm";
import { Random } from "../src/random.ts";

export async function useBackend(name: "wasm" | "cpu"): Promise<void> {
  await tf.setBackend(name);
  await tf.ready();
}

/** Standard normal numbers. */
export function normals(length: number, seed: number, scale = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => scale * random.normal());
}

/** (n, dim) unit rows around `numCentres` random centres: something worth quantizing. */
export function clustered(n: number, dim: number, seed: number, numCentres = 20, spread = 0.4): Float32Array {
  const random = new Random(seed);
  const centres = Float32Array.from({ length: numCentres * dim }, () => random.normal());
  const out = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) {
    const centre = random.integer(numCentres) * dim;
    let square = 0;
    for (let d = 0; d < dim; d++) {
      out[i * dim + d] = centres[centre + d]! + spread * random.normal();
      square += out[i * dim + d]! ** 2;
    }
    for (let d = 0; d < dim; d++) out[i * dim + d]! /= Math.sqrt(square);
  }
  return out;
}

/**
 * Largest difference between the gradient of `f` by its argument and central differences, relative to the largest
 * entry of either.
 */
export function gradientError(f: (x: tf.Tensor) => tf.Tensor, at: Float32Array, shape: number[], step = 1e-2): number {
  const analytic = tf.tidy(() => tf.grad((x) => tf.sum(f(x)))(tf.tensor(at, shape))).dataSync();
  const value = (x: Float32Array) => {
    const result = tf.tidy(() => tf.sum(f(tf.tensor(x, shape))));
    const number = result.dataSync()[0]!;
    result.dispose();
    return number;
  };
  let worst = 0;
  let scale = 1e-12;
  for (let i = 0; i < at.length; i++) {
    const up = at.slice();
    const down = at.slice();
    up[i]! += step;
    down[i]! -= step;
    const numeric = (value(up) - value(down)) / (up[i]! - down[i]!);
    worst = Math.max(worst, Math.abs(numeric - analytic[i]!));
    scale = Math.max(scale, Math.abs(numeric), Math.abs(analytic[i]!));
  }
  return worst / scale;
}

export function worstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i]! - b[i]!));
  return worst;
}
