import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type KernelFactory, loadKernel, scalarKernel, supportsRelaxedSimd } from "@poeem/pq-core";

let loaded: Promise<KernelFactory> | undefined;

/** pq-core's WASM kernel, compiled once; the scalar kernel when it has not been built. */
export function adcKernel(): Promise<KernelFactory> {
  const build = supportsRelaxedSimd() ? "kernel-relaxed.wasm" : "kernel.wasm";
  loaded ??= readFile(fileURLToPath(import.meta.resolve(`@poeem/pq-core/${build}`))).then(
    async (bytes) => loadKernel(await WebAssembly.compile(bytes)),
    () => scalarKernel,
  );
  return loaded;
}
