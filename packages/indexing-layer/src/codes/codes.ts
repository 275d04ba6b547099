import type * as tf from "@tensorflow/tfjs-core";
import { isOnDevice } from "../device/on-device.ts";
import { assignCodes, decodeRows, flatCodes } from "../quantize.ts";
import type { Codes, CodesKernel } from "./codes-kernel.ts";
import { codesOnDevice } from "./device-codes.ts";

let kernel: CodesKernel | undefined;

/** Lets `codesOf` compute what this kernel serves by it; without one everything is computed in tensors. */
export function useCodesKernel(fast: CodesKernel | undefined): void {
  kernel = fast;
}

/** The nearest centroids (M, ksub, subDim) of `residual` (n, dim), by the kernel where it serves, else in tensors. */
export function codesOf(residual: tf.Tensor2D, centroids: tf.Tensor3D): Codes {
  if (isOnDevice()) return codesOnDevice(residual, centroids);
  if (kernel?.serves(centroids)) return kernel.run(residual, centroids);
  const codes = assignCodes(residual, centroids);
  const rows = flatCodes(codes, centroids.shape[1]);
  return { codes, rows, decoded: decodeRows(rows, centroids) };
}
