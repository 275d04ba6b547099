import { blockBytes, countBlocks, type TermRange } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { baseIdentity, viewsOf } from "../delta/views.ts";
import { typeError } from "../errors.ts";
import { residentLists } from "../search/list-source.ts";
import { needPart } from "../search/parts.ts";
import { PqIndex } from "../search/pq-index.ts";
import type { ChunkKind, ChunkSource, Index, Manifest, OpenOptions } from "../types.ts";
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
  const { filters, merging, paging, refining } = options;
  const parts = { filters, merging, refining };
  const manifest = await openManifest(manifestBytes);
  const cache = new ChunkCache(source, verify, cacheBytes);
  const { base: ofBase, delta } = viewsOf(manifest);
  const read = (part: Manifest, kind: ChunkKind) => joinParts(cache, entriesOf(part.chunks, kind));
  const open = async (manifest: Manifest, { codebook, offsets, range }: Layout, room: number): Promise<PqIndex> => {
    const own = kernel(codebook, range);
    const isResident = listBytes(manifest) <= room;
    const resident = isResident ? await residentLists(cache, manifest, codebook, own) : undefined;
    const paged = isResident ? undefined : needPart("paging", paging)(cache, manifest, codebook);
    return new PqIndex({ ...parts, manifest, codebook, offsets, kernel: own, resident, paged, cache });
  };
  if (delta) needPart("deltas", deltas);
  const before = previous instanceof PqIndex ? previous : (previous as { base?: unknown } | undefined)?.base;
  const base =
    before instanceof PqIndex && baseIdentity(before.manifest) === baseIdentity(manifest)
      ? before.with({ ...parts, manifest: ofBase })
      : await open(ofBase, readCodebook(ofBase, await read(ofBase, "codebook")), residentBytes);
  if (!delta) return base;
  const left = residentBytes - (base.parts.resident ? listBytes(ofBase) : 0);
  return deltas!(manifest, base, await read(delta, "delta"), (layout) => open(delta, layout, left));
}

function listBytes(manifest: Manifest): number {
  return countBlocks(manifest.numItems) * blockBytes(manifest);
}
