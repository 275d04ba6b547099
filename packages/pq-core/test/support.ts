import { existsSync, readFileSync } from "node:fs";

export * from "./data.ts";

/** A built kernel, or an error that says how to build it: a missing kernel must fail, not fall back. */
export function kernelModule(file: "kernel.wasm" | "kernel-relaxed.wasm"): WebAssembly.Module {
  const path = new URL(`../wasm/${file}`, import.meta.url);
  if (!existsSync(path)) throw new Error(`${file} is missing: npm run kernels`);
  return new WebAssembly.Module(readFileSync(path));
}

/** A source over the chunks of an artifact, counting what is fetched. */
export function memorySource(chunks: readonly { key: string; bytes: Uint8Array }[]): {
  get(key: string): Promise<Uint8Array>;
  fetched: string[];
} {
  const byKey = new Map(chunks.map(({ key, bytes }) => [key, bytes]));
  const fetched: string[] = [];
  return {
    fetched,
    async get(key) {
      fetched.push(key);
      const bytes = byKey.get(key);
      if (bytes === undefined) throw new Error(`no chunk ${key}`);
      return bytes;
    },
  };
}
