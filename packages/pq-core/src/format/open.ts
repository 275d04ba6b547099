import { BLOCK, blockBytes, type TermRange } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { DeltaIndex } from "../delta/delta-index.ts";
import { readDeltaPayload } from "../delta/payload.ts";
import { baseIdentity, viewsOf } from "../delta/views.ts";
import type { AdcKernel } from "../kernel.ts";
import { ScalarKernel } from "../scalar-kernel.ts";
import { pagedLists, residentLists } from "../search/list-source.ts";
import { PqIndex } from "../search/pq-index.ts";
import type { ChunkSource, Index, Manifest, OpenOptions } from "../types.ts";
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
  const residentBytes = options.residentBytes ?? DEFAULT_RESIDENT_BYTES;
  const views = viewsOf(manifest);
  const open = (part: Manifest, layout: Layout, room: number) => openPart(cache, part, layout, room, options);
  const before = options.previous instanceof DeltaIndex ? options.previous.base : options.previous;
  const isShared = before instanceof PqIndex && baseIdentity(before.manifest) === baseIdentity(manifest);
  const base = isShared
    ? before.withManifest(views.base)
    : await open(
        views.base,
        readCodebook(views.base, await joinParts(cache, entriesOf(views.base.chunks, "codebook"))),
        residentBytes,
      );
  if (views.delta === undefined) return base;
  const bytes = await joinParts(cache, entriesOf(views.delta.chunks, "delta"));
  const payload = readDeltaPayload(manifest, manifest.delta!, bytes, base.parts.offsets);
  const taken = base.parts.lists.isResident ? listBytes(views.base) : 0;
  const delta = await open(views.delta, { codebook: base.codebook, ...payload }, residentBytes - taken);
  return new DeltaIndex(manifest, base, delta, payload);
}

interface Layout {
  readonly codebook: Codebook;
  readonly offsets: Uint32Array;
  readonly range: TermRange;
}

async function openPart(
  cache: ChunkCache,
  manifest: Manifest,
  { codebook, offsets, range }: Layout,
  residentBytes: number,
  { kernelModule }: OpenOptions,
): Promise<PqIndex> {
  const kernel: AdcKernel =
    kernelModule === undefined ? new ScalarKernel(codebook) : loadKernel(kernelModule)(codebook, range);
  const lists =
    listBytes(manifest) <= residentBytes
      ? await residentLists(cache, manifest, codebook, kernel)
      : pagedLists(cache, manifest, codebook);
  return new PqIndex({ manifest, codebook, offsets, kernel, lists, cache });
}

function listBytes(manifest: Manifest): number {
  return Math.ceil(manifest.numItems / BLOCK) * blockBytes(manifest);
}
