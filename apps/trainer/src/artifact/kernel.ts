import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { supportsRelaxedSimd } from "@poeem/pq-core";

/** The type library of Node declares WebAssembly's types but not its values. */
const { compile } = (
  globalThis as unknown as { WebAssembly: { compile(bytes: Uint8Array): Promise<WebAssembly.Module> } }
).WebAssembly;

let compiled: Promise<WebAssembly.Module | undefined> | undefined;

/** pq-core's WASM kernel, compiled once; undefined when it has not been built, and the scalar kernel serves. */
export function kernelModule(): Promise<WebAssembly.Module | undefined> {
  const build = supportsRelaxedSimd() ? "kernel-relaxed.wasm" : "kernel.wasm";
  compiled ??= readFile(fileURLToPath(import.meta.resolve(`@poeem/pq-core/${build}`))).then(compile, () => undefined);
  return compiled;
}
