import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { supportsRelaxedSimd } from "@poeem/pq-core";
import { startHelpers } from "./helpers.ts";
import { type Helpers, SoftmaxKernel } from "./kernel.ts";
import { useSoftmaxKernel } from "./loss.ts";

export { SoftmaxKernel };

/** More threads than these wait for each other. */
const MOST_HELPERS = 3;

let loaded: SoftmaxKernel | undefined;

/**
 * For Node: makes `softmaxLoss` use the kernel, in the build that this engine can compile.
 * @returns whether its file is there; if not, tensors do its work, in twice the time
 */
export function loadSoftmaxKernel(): boolean {
  if (!loaded) {
    const bytes = softmaxKernelBytes(supportsRelaxedSimd() ? "relaxed" : "plain");
    loaded = bytes && new SoftmaxKernel(bytes, helpersHere());
    useSoftmaxKernel(loaded);
  }
  return loaded !== undefined;
}

/** One for each core beside ours. */
function helpersHere(): Helpers | undefined {
  const count = Math.min(MOST_HELPERS, availableParallelism() - 1);
  return count > 0 ? { count, start: startHelpers } : undefined;
}

/** A build of the kernel; undefined when there is none. */
export function softmaxKernelBytes(build: "relaxed" | "plain"): Uint8Array | undefined {
  const file = build === "relaxed" ? "softmax-relaxed.wasm" : "softmax.wasm";
  try {
    return readFileSync(new URL(`../../wasm/${file}`, import.meta.url));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
