import * as tf from "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { loadKernels } from "@poeem/indexing-layer/kernel";
import { messageOf, UserError } from "@poeem/offline/errors";
import { reportMissingKernel } from "@poeem/offline/missing-kernel";
import { BACKENDS, type Backend, type BackendName } from "./names.ts";
import { useFastWasmKernels } from "./wasm-kernels.ts";
import { startWebGpu } from "./webgpu.ts";

/** What to install for a backend that `npm ci` does not bring; versions are those of our peerDependencies. */
export const INSTALLED_BY: Partial<Record<Backend, readonly string[]>> = {
  "node-gpu": ["@tensorflow/tfjs-node-gpu@4.22.0"],
  node: ["@tensorflow/tfjs-node@4.22.0"],
  webgpu: ["webgpu@0.6.2", "@tensorflow/tfjs-backend-webgpu@4.22.0"],
};

/**
 * Makes a TensorFlow.js backend current and returns its name. `auto` takes the first of `BACKENDS` that starts.
 *
 * @param say told which one it is, and why those before it are not
 * @throws UserError when the one asked for cannot be started, with the reason
 */
export async function useBackend(name: BackendName, say: (line: string) => void = () => undefined): Promise<Backend> {
  const refused: Refused[] = [];
  for (const candidate of name === "auto" ? BACKENDS : [name]) {
    try {
      await START[candidate](name === "auto");
      if (!(await tf.setBackend(registeredName(candidate)))) throw new Error("it did not start");
      await tf.ready();
      if (candidate === "wasm" && !loadKernels())
        reportMissingKernel("a kernel of @poeem/indexing-layer", "training takes twice as long");
      say(`backend ${candidate}${describeRefused(refused)}`);
      return candidate;
    } catch (error) {
      refused.push({ candidate, error });
    }
  }
  const reasons = refused.map(({ candidate, error }) => `${candidate}: ${reasonOf(error, candidate)}`);
  throw new UserError(`--backend ${name} cannot be started here; ${reasons.join("; ")}`);
}

interface Refused {
  readonly candidate: Backend;
  readonly error: unknown;
}

/** The faster ones that are missing here, in a line; how to install one is told when it is asked for by name. */
function describeRefused(refused: readonly Refused[]): string {
  const missing = refused.filter(({ candidate, error }) => isNotInstalled(error, candidate));
  const others = refused.filter((one) => !missing.includes(one));
  const names = missing.map(({ candidate }) => candidate).join(", ");
  return [
    ...others.map(({ candidate, error }) => `; not ${candidate}: ${reasonOf(error, candidate)}`),
    ...(missing.length > 0 ? [`; not installed: ${names} (--backend ${missing[0]!.candidate} says how)`] : []),
  ].join("");
}

/** Loads what a backend needs, or throws the reason why it cannot be had. */
const START: Record<Backend, (auto: boolean) => Promise<void>> = {
  "node-gpu": async () => {
    await loadOptional("@tensorflow/tfjs-node-gpu");
    await tf.setBackend("tensorflow");
    // without CUDA the same package computes on the processor, and then it is not what was asked for
    if (!(tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice) throw new Error("no CUDA device found");
  },
  node: async () => {
    await loadOptional("@tensorflow/tfjs-node");
  },
  webgpu: (auto) => startWebGpu(loadOptional, auto),
  wasm: async () => useFastWasmKernels(),
  cpu: async () => undefined,
};

function registeredName(backend: Backend): string {
  return backend === "node-gpu" || backend === "node" ? "tensorflow" : backend;
}

/** By a name that is only known at run time, so that neither compiler nor bundler wants the package. */
function loadOptional(name: string): Promise<Record<string, unknown>> {
  return import(name);
}

function isNotInstalled(error: unknown, backend: Backend): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return INSTALLED_BY[backend] !== undefined && (code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND");
}

function reasonOf(error: unknown, backend: Backend): string {
  if (isNotInstalled(error, backend))
    return `not installed (npm install --no-save ${INSTALLED_BY[backend]!.join(" ")})`;
  const [sentence] = messageOf(error).split(/(?<=[.!?]) /);
  return sentence ?? "it did not start";
}
