import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { supportsRelaxedSimd } from "@poeem/pq-core";
import { useCodesKernel } from "./codes/codes.ts";
import { CodesKernel } from "./codes/codes-kernel.ts";
import { ImproveKernel } from "./codes/improve-kernel.ts";
import { useImproveKernel } from "./score-codes.ts";
import { startHelpers } from "./softmax/helpers.ts";
import { type Helpers, SoftmaxKernel } from "./softmax/kernel.ts";
import { useSoftmaxKernel } from "./softmax/loss.ts";

export { CodesKernel, ImproveKernel, SoftmaxKernel };

/** More threads than these wait for each other. */
const MOST_HELPERS = 3;

let areLoaded: boolean | undefined;

/**
 * For Node: makes `softmaxLoss`, the layer and `improveCodes` use their kernels, in the build that this engine can
 * compile.
 * @returns whether their files are there; if not, tensors do their work, in twice the time
 */
export function loadKernels(): boolean {
  if (areLoaded === undefined) {
    const softmax = softmaxKernelBytes(supportsRelaxedSimd() ? "relaxed" : "plain");
    const codes = codesKernelBytes();
    const improve = improveKernelBytes();
    useSoftmaxKernel(softmax && new SoftmaxKernel(softmax, helpersHere()));
    useCodesKernel(codes && new CodesKernel(codes));
    useImproveKernel(improve && new ImproveKernel(improve));
    areLoaded = softmax !== undefined && codes !== undefined && improve !== undefined;
  }
  return areLoaded;
}

/** One for each core beside ours. */
function helpersHere(): Helpers | undefined {
  const count = Math.min(MOST_HELPERS, availableParallelism() - 1);
  return count > 0 ? { count, start: startHelpers } : undefined;
}

/** A build of the softmax kernel; undefined when there is none. */
export function softmaxKernelBytes(build: "relaxed" | "plain"): Uint8Array | undefined {
  return kernelBytes(build === "relaxed" ? "softmax-relaxed.wasm" : "softmax.wasm");
}

/** The kernel of codes; undefined when there is none. */
export function codesKernelBytes(): Uint8Array | undefined {
  return kernelBytes("codes.wasm");
}

/** The kernel of codes by what their errors cost; undefined when there is none. */
export function improveKernelBytes(): Uint8Array | undefined {
  return kernelBytes("improve.wasm");
}

function kernelBytes(file: string): Uint8Array | undefined {
  try {
    return readFileSync(new URL(`../wasm/${file}`, import.meta.url));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
