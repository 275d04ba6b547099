/** What of an index stays in the isolate, and what is read when it is needed. */
import type { ChunkKind, Manifest } from "@poeem/pq-core";
import { SUMMED_TOGETHER } from "@poeem/pq-core/words";

const MiB = 1024 * 1024;
/** Room for pages read on demand: with less, a search would read the same pages again and again. */
export const DEFAULT_LEAST_CACHE_BYTES = 6 * MiB;
/** Filters are used whole, by every isolate or by none: an index with more of them than this is served without. */
const MAX_FILTER_BYTES = 12 * MiB;
/** So are words: with all else that is always there they take no more than this, or the index is served without. */
const MAX_FIXED_BYTES = 38 * MiB;
/**
 * Memory beside the bytes of words themselves, measured: 6 to 7 of a term, where those like a word are counted; 17 of
 * an item of those whose sums are made at a time; of postings a share for what finds them in long lists; and what is
 * remembered of the words that were asked for.
 */
const TERM_BYTES = 7;
const SUMMED_ITEM_BYTES = 17;
const MARKED_SHARE = 0.07;
const REMEMBERED_BYTES = 1.5 * MiB;
/** What is read by pages: ahead where it fits, else when it is needed. */
export const PAGE_KINDS: readonly ChunkKind[] = ["lookup", "items", "postings"];

/** Bytes of one version: what it cannot do without, and what it can make use of. */
export interface MemoryDemand {
  readonly least: number;
  readonly most: number;
}

/** How the bytes granted to a version are used. */
export interface MemoryPlan {
  /** All lists in the kernel's memory when they are no more than this; else they are paged. */
  readonly residentBytes: number;
  /** Look-ups and item pages are read ahead and kept. */
  readonly keepsPages: boolean;
  /** Filters can be used, and are kept. */
  readonly keepsFilters: boolean;
  /** Words can be used, and are kept. */
  readonly keepsWords: boolean;
  /** Pages that were read when they were needed, least recently used out first. */
  readonly cacheBytes: number;
}

/** Bytes of the chunks of some kinds. */
export function bytesOfKinds(manifest: Manifest, kinds: readonly ChunkKind[]): number {
  return manifest.chunks.reduce((sum, { kind, size }) => sum + (kinds.includes(kind) ? size : 0), 0);
}

/** @param leastCacheBytes room for pages read on demand */
export function memoryDemand(manifest: Manifest, leastCacheBytes = DEFAULT_LEAST_CACHE_BYTES): MemoryDemand {
  const least = fixedBytes(manifest) + leastCacheBytes;
  return { least, most: least + bytesOfKinds(manifest, ["lists", ...PAGE_KINDS]) };
}

/**
 * Gives memory to what saves most reads per byte: lists, which every search scans, then pages.
 * @param granted at least the demand's `least`
 */
export function planMemory(
  manifest: Manifest,
  granted: number,
  leastCacheBytes = DEFAULT_LEAST_CACHE_BYTES,
): MemoryPlan {
  let left = granted - fixedBytes(manifest) - leastCacheBytes;
  const take = (bytes: number): boolean => {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  };
  const lists = bytesOfKinds(manifest, ["lists"]);
  const pages = bytesOfKinds(manifest, PAGE_KINDS);
  const areListsResident = take(lists);
  const keepsPages = take(pages);
  return {
    residentBytes: areListsResident ? lists : 0,
    keepsPages,
    keepsFilters: bytesOfKinds(manifest, ["filters"]) <= MAX_FILTER_BYTES,
    keepsWords: keepsWords(manifest),
    // Pages that are kept pass through the cache as well, as views of the same bytes.
    cacheBytes: leastCacheBytes + left + (keepsPages ? pages : 0),
  };
}

/** Memory of words, which are used as they are stored. */
function wordBytes(manifest: Manifest): number {
  const terms = manifest.chunks.reduce((sum, { kind, count }) => sum + (kind === "postings" ? count : 0), 0);
  if (terms === 0) return 0;
  return (
    bytesOfKinds(manifest, ["words"]) +
    TERM_BYTES * terms +
    SUMMED_ITEM_BYTES * Math.min(manifest.numItems, SUMMED_TOGETHER) +
    Math.ceil(MARKED_SHARE * bytesOfKinds(manifest, ["postings"])) +
    REMEMBERED_BYTES
  );
}

/** The same in every isolate, whatever else it serves. */
function keepsWords(manifest: Manifest): boolean {
  return otherFixedBytes(manifest) + wordBytes(manifest) <= MAX_FIXED_BYTES;
}

/** What is always there. */
function fixedBytes(manifest: Manifest): number {
  return otherFixedBytes(manifest) + (keepsWords(manifest) ? wordBytes(manifest) : 0);
}

/** Query tower, filters, facts of a delta, codebook (twice: for the kernel too), parsed manifest. */
function otherFixedBytes(manifest: Manifest): number {
  const filters = bytesOfKinds(manifest, ["filters"]);
  return (
    bytesOfKinds(manifest, ["query-tower", "delta"]) +
    (filters <= MAX_FILTER_BYTES ? filters : 0) +
    2 * bytesOfKinds(manifest, ["codebook"]) +
    manifest.chunks.length * 500
  );
}
