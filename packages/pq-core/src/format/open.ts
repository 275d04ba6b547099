import { BLOCK, blockBytes } from "../blocks.ts";
import type { AdcKernel } from "../kernel.ts";
import { ScalarKernel } from "../scalar-kernel.ts";
import { pagedLists, residentLists } from "../search/list-source.ts";
import { PqIndex } from "../search/pq-index.ts";
import type { ChunkSource, Index, OpenOptions } from "../types.ts";
import { loadKernel } from "../wasm-kernel.ts";
import { ChunkCache, entriesOf, joinParts } from "./chunk-cache.ts";
import { readCodebook } from "./codebook-chunk.ts";
import { openManifest } from "./manifest.ts";

const DEFAULT_RESIDENT_BYTES = 48 * 1024 * 1024;
const DEFAULT_CACHE_BYTES = 16 * 1024 * 1024;

/**
 * Opens an artifact: checks the manifest, reads the codebook and, when they fit, all lists.
 * Items, filters and the query tower are fetched when they are asked for.
 *
 * @throws FormatError when a chunk is missing, cut, altered or does not keep to the format
 */
export async function openArtifact(
  source: ChunkSource,
  manifestBytes: Uint8Array,
  options: OpenOptions = {},
): Promise<Index> {
  const manifest = await openManifest(manifestBytes);
  const cache = new ChunkCache(source, options.verify ?? true, options.cacheBytes ?? DEFAULT_CACHE_BYTES);
  const payload = await joinParts(cache, entriesOf(manifest.chunks, "codebook"));
  const { codebook, offsets, range } = readCodebook(manifest, payload);
  const makeKernel = options.kernelModule === undefined ? undefined : loadKernel(options.kernelModule);
  const kernel: AdcKernel = makeKernel === undefined ? new ScalarKernel(codebook) : makeKernel(codebook, range);
  const bytes = Math.ceil(manifest.numItems / BLOCK) * blockBytes(codebook);
  const isResident = bytes <= (options.residentBytes ?? DEFAULT_RESIDENT_BYTES);
  const lists = isResident
    ? await residentLists(cache, manifest, codebook, kernel)
    : pagedLists(cache, manifest, codebook);
  return new PqIndex({ manifest, codebook, offsets, kernel, lists, cache });
}
