import { DeltaIndex } from "./catalogue/delta-index.ts";
import { partsOf } from "./catalogue/rows.ts";
import type { Codebook } from "./codebook/codebook.ts";
import { typeError } from "./errors.ts";
import { ChunkCache, joinParts } from "./format/chunk-cache.ts";
import type { ChunkSource } from "./format/chunk-source.ts";
import { readCodebook } from "./format/codebook-chunk.ts";
import { readDeltaPayload } from "./format/delta-chunk.ts";
import { countCells } from "./format/inverted-lists.ts";
import { baseIdentity, type Manifest, viewsOf } from "./format/manifest.ts";
import { openManifest } from "./format/manifest-file.ts";
import { PageTables } from "./format/page-tables.ts";
import { PayloadPool } from "./format/payload-pool.ts";
import { blockBytes, countBlocks, type TermRange } from "./kernel/blocks.ts";
import type { Cells, KernelFactory } from "./kernel/kernel.ts";
import { ItemStore } from "./search/item-store.ts";
import { residentLists } from "./search/list-source.ts";
import { PagedFilters } from "./search/paged-filters.ts";
import { PagedItemStore } from "./search/paged-item-store.ts";
import { listedLists, pagedLists } from "./search/paging.ts";
import { type Index, PqIndex } from "./search/pq-index.ts";
import { cellRuns } from "./search/whole-pages.ts";

export interface OpenOptions {
  /** What scores: `loadKernel(module)`, or `scalarKernel` where there is no SIMD. */
  readonly kernel: KernelFactory;
  /** Check the SHA-256 of each chunk; default true. Lengths and ranges are always checked. */
  readonly verify?: boolean | undefined;
  /** Code chunks are kept resident up to this many bytes in all; a larger index pages its lists. Default 48 MiB. */
  readonly residentBytes?: number | undefined;
  /**
   * Item, lookup and paged list chunks kept in memory, least recently used out first; those of `previous` are among
   * them. Default 16 MiB.
   */
  readonly cacheBytes?: number | undefined;
  /**
   * An index opened before. When both have the same base, what it holds of that (codes in the kernel's memory, pages,
   * filters) is shared instead of read again, and `kernel` and `residentBytes` are used for the delta only.
   */
  readonly previous?: Index | undefined;
}

/** Where the items of an index or of a part of it lie. */
interface Layout {
  readonly codebook: Codebook;
  readonly offsets: Uint32Array;
  readonly range: TermRange;
  /** Default: those of the lists. */
  readonly cells?: Cells;
}

/**
 * Opens an artifact: checks the manifest, reads the codebook and, when they fit, all lists.
 * Items, filters and the query tower are fetched when they are asked for.
 *
 * @throws FormatError when a chunk is missing, cut, altered or does not keep to the format
 */
export async function openArtifact(
  source: ChunkSource,
  manifestBytes: Uint8Array,
  options: OpenOptions,
): Promise<Index> {
  if (typeof options?.kernel !== "function")
    throw typeError("options.kernel", "loadKernel(module) or scalarKernel", options?.kernel);
  const { kernel, previous, verify = true, residentBytes = 48 << 20, cacheBytes = 16 << 20 } = options;
  const manifest = await openManifest(manifestBytes);
  const { cellsPerPage } = manifest;
  const before = previous && partsOf(previous).base;
  // One budget of pages for a base, what is beside it, and the version that goes.
  const pool = before?.parts.cache.pool ?? new PayloadPool(cacheBytes);
  const cache = new ChunkCache(source, verify, pool);
  const { base: ofBase, delta } = viewsOf(manifest);
  const open = async (manifest: Manifest, layout: Layout, room: number): Promise<PqIndex> => {
    const { codebook, offsets, range, cells = countCells(offsets) } = layout;
    const own = kernel(codebook, range);
    const runs = cellsPerPage === undefined ? undefined : cellRuns(offsets, cellsPerPage);
    const parts = { manifest, codebook, offsets, cells, runs, kernel: own, cache };
    if (manifest.cellsPerPage !== undefined) {
      const pages = await new PageTables(manifest, "lists").all(cache);
      const paged = pagedLists(pages, codebook, { idType: manifest.idType });
      const items = new PagedItemStore(manifest, paged);
      const tables = { items, filters: new PagedFilters(manifest) };
      return new PqIndex({ ...parts, resident: undefined, paged, items, tables });
    }
    const isResident = listBytes(manifest) <= room;
    const resident = isResident ? await residentLists(cache, manifest, codebook, own) : undefined;
    const paged = isResident ? undefined : listedLists(manifest, codebook);
    return new PqIndex({ ...parts, resident, paged, items: new ItemStore(manifest), tables: undefined });
  };
  const base =
    before !== undefined && baseIdentity(before.manifest) === baseIdentity(manifest)
      ? before.with(ofBase, countCells(before.parts.offsets), cache)
      : await open(ofBase, readCodebook(ofBase, (await joinParts(cache, ofBase, "codebook"))!), residentBytes);
  // Nothing fails any more: until then the version that goes has the room that it had.
  const done = <T extends Index>(index: T): T => {
    pool.limit(cacheBytes);
    return index;
  };
  if (!delta) return done(base);
  const left = residentBytes - (base.parts.resident ? listBytes(ofBase) : 0);
  const payload = readDeltaPayload(
    manifest,
    manifest.delta!,
    (await joinParts(cache, delta, "delta"))!,
    base.parts.offsets,
  );
  const cells = countCells(base.parts.offsets, payload.removed, payload.offsets);
  const beside = await open(delta, { codebook: base.codebook, ...payload, cells }, left);
  return done(new DeltaIndex(manifest, base.with(ofBase, cells), beside, payload));
}

function listBytes(manifest: Manifest): number {
  return countBlocks(manifest.numItems) * blockBytes(manifest);
}
