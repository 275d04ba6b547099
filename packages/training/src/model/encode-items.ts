import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Codebook, EncodedVectors } from "@poeem/pq-core";
import { encodeFast, type QueryMoments } from "@poeem/pq-core/write";

let compiled: Promise<WebAssembly.Module | undefined> | undefined;

/** Codes of item vectors (count, dim), by pq-core's kernel; where it has not been built, by the slow definition. */
export async function encodeItems(
  codebook: Codebook,
  itemVectors: Float32Array,
  moments?: QueryMoments,
): Promise<EncodedVectors> {
  compiled ??= readFile(fileURLToPath(import.meta.resolve("@poeem/pq-core/encode.wasm"))).then(
    WebAssembly.compile,
    () => undefined,
  );
  return encodeFast(await compiled, codebook, itemVectors, moments);
}
