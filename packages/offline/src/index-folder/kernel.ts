import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type KernelFactory, loadKernel, scalarKernel, supportsRelaxedSimd } from "@poeem/pq-core";

/** The type library of Node declares WebAssembly's types but not its values. */
const { compile } = (
  globalThis as unknown as { WebAssembly: { compile(bytes: Uint8Array): Promise<WebAssembly.Module> } }
).WebAssembly;

let loaded: Promise<KernelFactory> | undefined;

/** pq-core's WASM kernel, compiled once; the scalar kernel when it has not been built. */
export function adcKernel(): Promise<KernelFactory> {
  const build = supportsRelaxedSimd() ? "kernel-relaxed.wasm" : "kernel.wasm";
  loaded ??= readFile(fileURLToPath(import.meta.resolve(`@poeem/pq-core/${build}`))).then(
    async (bytes) => loadKernel(await compile(bytes)),
    () => scalarKernel,
  );
  return loaded;
}
