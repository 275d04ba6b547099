import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type KernelFactory, loadKernel, scalarKernel, supportsRelaxedSimd } from "@poeem/pq-core";
import { reportMissingKernel } from "../missing-kernel.ts";

let search: Promise<KernelFactory> | undefined;
let encode: Promise<WebAssembly.Module | undefined> | undefined;

/** pq-core's search kernel, compiled once; the scalar kernel where its file is missing, which stderr is told. */
export function adcKernel(): Promise<KernelFactory> {
  const build = supportsRelaxedSimd() ? "kernel-relaxed.wasm" : "kernel.wasm";
  search ??= compile(build, "searches take several times as long").then((module) =>
    module === undefined ? scalarKernel : loadKernel(module),
  );
  return search;
}

/** pq-core's encoder for `encodeFast`, compiled once; undefined where its file is missing, which stderr is told. */
export function encodeKernel(): Promise<WebAssembly.Module | undefined> {
  encode ??= compile("encode.wasm", "encoding items takes several times as long");
  return encode;
}

async function compile(file: string, slower: string): Promise<WebAssembly.Module | undefined> {
  const name = `@poeem/pq-core/${file}`;
  try {
    return await WebAssembly.compile(await readFile(fileURLToPath(import.meta.resolve(name))));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    reportMissingKernel(name, slower);
    return undefined;
  }
}
