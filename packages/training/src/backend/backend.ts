import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { loadKernels } from "@poeem/indexing-layer/kernel";
import { UserError } from "@poeem/offline/errors";
import { reportMissingKernel } from "@poeem/offline/missing-kernel";
import { BACKENDS, type Backend, type BackendName } from "./names.ts";
import { describeRefusal } from "./refusal.ts";
import { startNode, startNodeGpu, TENSORFLOW } from "./tensorflow.ts";
import { useFastWasmKernels } from "./wasm-kernels.ts";
import { startWebGpu, watchWebGpu } from "./webgpu.ts";

/**
 * Makes a TensorFlow.js backend current and returns its name. `auto` takes the first of `BACKENDS` that starts.
 *
 * @param say told in one line which one it is, why those before it are not, and what would change that
 * @throws UserError when the one asked for cannot be started, with the reason and the remedy
 */
export async function useBackend(name: BackendName, say: (line: string) => void = () => undefined): Promise<Backend> {
  const refused: string[] = [];
  for (const candidate of name === "auto" ? BACKENDS : [name]) {
    try {
      await START[candidate](name === "auto");
      if (!(await tf.setBackend(registeredName(candidate)))) throw new Error("it did not start");
      await tf.ready();
      if (candidate === "webgpu") watchWebGpu();
      if (candidate === "wasm" && !loadKernels())
        reportMissingKernel("a kernel of @poeem/indexing-layer", "training takes twice as long");
      say([`backend ${candidate}`, ...refused.map((reason) => `not ${reason}`)].join("; "));
      return candidate;
    } catch (error) {
      refused.push(`${candidate}: ${describeRefusal(error)}`);
    }
  }
  throw new UserError(`--backend ${name} cannot be started here; ${refused.join("; ")}`);
}

/** Loads what a backend needs, or throws the reason why it cannot be had. */
const START: Record<Backend, (auto: boolean) => Promise<void>> = {
  "node-gpu": startNodeGpu,
  webgpu: startWebGpu,
  wasm: async () => useFastWasmKernels(),
  node: startNode,
  cpu: async () => greetNobody(),
};

function registeredName(backend: Backend): string {
  return backend === "node-gpu" || backend === "node" ? TENSORFLOW : backend;
}

/** Whoever asks for this backend has no use for its banner, which recommends another. */
function greetNobody(): void {
  Object.assign(tf.findBackend("cpu"), { firstUse: false });
}
