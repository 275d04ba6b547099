import { BLOCK, blockBytes, type TermRange } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { baseIdentity, viewsOf } from "../delta/views.ts";
import { check, typeError } from "../errors.ts";
import { pagedLists, residentLists } from "../search/list-source.ts";
import { PqIndex } from "../search/pq-index.ts";
import type { ChunkSource, Index, Manifest, OpenOptions } from "../types.ts";
import { ChunkCache, entriesOf, joinParts } from "./chunk-cache.ts";
import { readCodebook } from "./codebook-chunk.ts";
import { openManifest } from "./manifest.ts";

/** Where the items of an index or of a part of it lie. */
export interface Layout {
  readonly codebook: Codebook;
  readonly offsets: Uint32Array;
  readonly range: TermRange;
}

/**
 * Makes one index of a base and the items beside it; `deltas` of `@poeem/pq-core/parts`.
 *
 * @param payload of the chunks of kind `delta`
 * @param open opens the items beside the base
 */
export type DeltaReader = (
  manifest: Manifest,
  base: PqIndex,
  payload: Uint8Array,
  open: (layout: Layout) => Promise<PqIndex>,
) => Promise<Index>;

/**
 * Opens an artifact: checks the manifest, reads the codebook and, when they fit, all lists.
 * Items, filters and the query tower are fetched when they are asked for.
 *
 * @throws FormatError when a chunk is missing, cut, altered or does not keep to the format; TypeError or RangeError when a part is
 * wanted that was not handed in
 */
export async function openArtifact(
  source: ChunkSource,
  manifestBytes: Uint8Array,
  options: OpenOptions,
): Promise<Index> {
  if (typeof options?.kernel !== "function")
    throw typeError("options.kernel", "loadKernel(module) or scalarKernel", options?.kernel);
  const { kernel, deltas, previous, verify = true, residentBytes = 48 << 20, cacheBytes = 16 << 20 } = options;
  const manifest = await openManifest(manifestBytes);
  const cache = new ChunkCache(source, verify, cacheBytes);
  const views = viewsOf(manifest);
  const read = (part: Manifest, kind: "codebook" | "delta") => joinParts(cache, entriesOf(part.chunks, kind));
  const open = async (part: Manifest, { codebook, offsets, range }: Layout, room: number): Promise<PqIndex> => {
    const own = kernel(codebook, range);
    const isResident = listBytes(part) <= room;
    const lists = isResident ? await residentLists(cache, part, codebook, own) : pagedLists(cache, part, codebook);
    return new PqIndex({ manifest: part, codebook, offsets, kernel: own, lists, cache });
  };
  const { base: ofBase, delta } = views;
  check(delta === undefined || !!deltas, "options.deltas", "deltas, which this changed index needs", deltas);
  const before = previous instanceof PqIndex ? previous : (previous as { base?: PqIndex } | undefined)?.base;
  const base =
    before instanceof PqIndex && baseIdentity(before.manifest) === baseIdentity(manifest)
      ? before.withManifest(ofBase)
      : await open(ofBase, readCodebook(ofBase, await read(ofBase, "codebook")), residentBytes);
  if (delta === undefined) return base;
  const taken = base.parts.lists.isResident ? listBytes(ofBase) : 0;
  return deltas!(manifest, base, await read(delta, "delta"), (layout) => open(delta, layout, residentBytes - taken));
}

function listBytes(manifest: Manifest): number {
  return Math.ceil(manifest.numItems / BLOCK) * blockBytes(manifest);
}
