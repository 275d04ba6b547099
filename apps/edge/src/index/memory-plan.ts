/** What of an index stays in the isolate, and what is read when it is needed. */
import { type ChunkKind, chunkTotals, type Manifest, OPEN_TABLE_BYTES, PAGED_KINDS } from "@poeem/pq-core";
import { SUMMED_TOGETHER } from "@poeem/pq-core/words";

const MiB = 1024 * 1024;
/** Room for pages read on demand: with less, a search would read the same pages again and again. */
export const DEFAULT_LEAST_CACHE_BYTES = 6 * MiB;
/** What the versions that serve may take together. */
export const DEFAULT_MAX_INDEX_BYTES = 48 * MiB;
/**
 * Beside them, what is there for a moment while versions are read and replaced: 84 MiB in all by default. An isolate
 * has 128 MB for everything. This keeps it below 100 MB, as measured (`bench:memory`), with what requests
 * hold, code and garbage. With a larger budget it is as large a share, and never less.
 */
const MOMENTARY_BYTES = 36 * MiB;
/** Chunks on their way to where they belong while a version is read, beside those that arrived. */
const MOVING_BYTES = 12 * MiB;
/** Share of the memory of indexes that chunks may take between their arrival and their use. */
const ARRIVALS_SHARE = 8 / 48;
/** What an index whose lists do not fit may take: the rest is for what requests hold of its pages. */
const PAGED_SHARE = 36 / 48;
/**
 * Filters are used whole, by every isolate or by none: an index with more of them, 12 of 48 MiB, or with which its
 * least would not fit, is served without.
 */
const FILTER_SHARE = 12 / 48;
/** So are words: with all else that is always there they take no more than 38 of 48 MiB, or it is served without. */
const FIXED_SHARE = 38 / 48;
/**
 * Memory beside the bytes of words themselves, measured: 6 to 7 of a term, where those like a word are counted; 17 of
 * an item of those whose sums are made at a time; of postings a share for what finds them in long lists; and what is
 * remembered of the words that were asked for.
 */
const TERM_BYTES = 7;
const SUMMED_ITEM_BYTES = 17;
const MARKED_SHARE = 0.07;
const REMEMBERED_BYTES = 1.5 * MiB;
/** Of a filter page: where it begins, what a filter lets match, and its words' place in an answer. */
const FILTER_PAGE_BYTES = 64;
/** Of a page of lists, which is always listed: its key, its hash, where it lies. */
const LISTED_PAGE_BYTES = 500;
/** Of an opened table, with where its pages begin. */
const OPENED_SHARE = 1.25;
/** What is read by pages: ahead where it fits, else when it is needed. */
export const PAGE_KINDS: readonly ChunkKind[] = ["lookup", "items", "postings"];

/** Bytes of one version: what it cannot do without, and what it can make use of. */
export interface MemoryDemand {
  readonly least: number;
  readonly most: number;
  /** What is needed on top while it is read. */
  readonly loading: number;
  /** What of it is in memory already, because the version that serves has it too. */
  readonly shared: number;
  /** Whether pages are among that. */
  readonly sharesPages: boolean;
}

/** What is the same for all indexes of an isolate. */
export interface MemoryLimits {
  /** Room for pages that an index has at least; default 6 MiB. */
  readonly leastCacheBytes?: number | undefined;
  /** Bytes of all versions that serve; default 48 MiB. */
  readonly maxIndexBytes?: number | undefined;
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

/** Bytes of the chunks of some kinds, those that tables list included. */
export function bytesOfKinds(manifest: Manifest, kinds: readonly ChunkKind[]): number {
  const totals = chunkTotals(manifest);
  return kinds.reduce((sum, kind) => sum + (totals.get(kind)?.bytes ?? 0), 0);
}

/** Lists whose pages tables list are never in memory together. */
export const canBeResident = ({ cellsPerPage }: Manifest): boolean => cellsPerPage === undefined;

/** Bytes of all versions together, while some are read and others not gone yet. */
export function roomBytes(maxIndexBytes: number = DEFAULT_MAX_INDEX_BYTES): number {
  return maxIndexBytes + Math.max(1, maxIndexBytes / DEFAULT_MAX_INDEX_BYTES) * MOMENTARY_BYTES;
}

/** Bytes that chunks may take between their arrival and their use. */
export function arrivalBytes(maxIndexBytes: number): number {
  return maxIndexBytes * ARRIVALS_SHARE;
}

/**
 * What a version needs and can use within the limits.
 * @param previous the version that serves; the same once more shares no pages: it is read anew to have its lists in
 *   memory
 */
export function memoryDemand(manifest: Manifest, limits: MemoryLimits = {}, previous?: Manifest): MemoryDemand {
  const { maxIndexBytes } = complete(limits);
  const { bytes, leastCacheBytes } = fixedParts(manifest, limits);
  const least = bytes + leastCacheBytes;
  const sharesPages =
    previous !== undefined && previous.version !== manifest.version && hasSameBase(previous, manifest);
  const before = new Set(previous?.chunks.map(({ key }) => key));
  const sizes = (chunks: Manifest["chunks"]) => chunks.reduce((sum, { size }) => sum + size, 0);
  const alike = manifest.chunks.filter(({ key, kind }) => before.has(key) && (sharesPages || kind === "query-tower"));
  return {
    least,
    most: Math.min(
      least + bytesOfKinds(manifest, ["lists", ...PAGE_KINDS]),
      least + bytesOfKinds(manifest, ["lists"]) > maxIndexBytes
        ? Math.max(least, PAGED_SHARE * maxIndexBytes)
        : Number.POSITIVE_INFINITY,
    ),
    loading: Math.min(MOVING_BYTES + arrivalBytes(maxIndexBytes), sizes(manifest.chunks)),
    shared: sizes(alike),
    sharesPages,
  };
}

/** Whether two versions differ at most in their deltas and their query towers: what they have in memory is shared. */
export function hasSameBase(a: Manifest, b: Manifest): boolean {
  const keys = ({ chunks }: Manifest) =>
    chunks.filter(({ delta, kind }) => delta !== true && kind !== "query-tower").map(({ key }) => key);
  return keys(a).join() === keys(b).join();
}

/** No more than there are pages to keep. */
function leastCache(manifest: Manifest, limits: MemoryLimits): number {
  return Math.min(complete(limits).leastCacheBytes, bytesOfKinds(manifest, ["lists", ...PAGE_KINDS]));
}

/**
 * Gives memory to what saves most reads per byte: lists, which every search scans, then pages.
 * @param granted at least the demand's `least`
 * @param resident bytes of lists that are in memory, and stay as they are
 */
export function planMemory(
  manifest: Manifest,
  granted: number,
  limits: MemoryLimits = {},
  resident?: number,
): MemoryPlan {
  const { bytes, leastCacheBytes, keepsFilters, keepsWords } = fixedParts(manifest, limits);
  let left = granted - bytes - leastCacheBytes;
  const take = (bytes: number): boolean => {
    if (bytes > left) return false;
    left -= bytes;
    return true;
  };
  const lists = bytesOfKinds(manifest, ["lists"]);
  const pages = bytesOfKinds(manifest, PAGE_KINDS);
  const areListsResident = canBeResident(manifest) && (resident === undefined ? take(lists) : resident >= lists);
  if (resident !== undefined) left = Math.max(0, left - resident);
  // Beside lists that are read by pages the cache has to do for both: it would fill up with lists.
  const keepsPages = areListsResident && take(pages);
  return {
    residentBytes: areListsResident ? lists : 0,
    keepsPages,
    keepsFilters,
    keepsWords,
    // Pages that are kept pass through the cache as well, as views of the same bytes.
    cacheBytes: leastCacheBytes + left + (keepsPages ? pages : 0),
  };
}

function complete({
  leastCacheBytes = DEFAULT_LEAST_CACHE_BYTES,
  maxIndexBytes = DEFAULT_MAX_INDEX_BYTES,
}: MemoryLimits) {
  return { leastCacheBytes, maxIndexBytes };
}

/** Memory of words, which are used as they are stored. */
export function wordBytes(manifest: Manifest): number {
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

/** Memory of tables of pages: those of lists become a list, of other kinds as many are kept as there is room for. */
function tableBytes(manifest: Manifest): number {
  if (canBeResident(manifest)) return 0;
  const lists = chunkTotals(manifest).get("lists")?.count ?? 0;
  return PAGED_KINDS.reduce((sum, kind) => {
    if (kind === "lists") return sum;
    const sizes = manifest.chunks.filter(({ of }) => of === kind).map(({ size }) => size);
    const opened = Math.min(
      sizes.reduce((all, size) => all + size, 0),
      Math.max(OPEN_TABLE_BYTES, ...sizes),
    );
    return sum + opened * OPENED_SHARE;
  }, lists * LISTED_PAGE_BYTES);
}

/** What is always there, of filters and words as well: the same in every isolate, whatever else it serves. */
function fixedParts(manifest: Manifest, limits: MemoryLimits) {
  const { maxIndexBytes } = complete(limits);
  const leastCacheBytes = leastCache(manifest, limits);
  // Nothing that an index can do without may be why it is not served.
  const fits = (bytes: number, share: number, beside: number) =>
    bytes <= share * maxIndexBytes && beside + bytes + leastCacheBytes <= maxIndexBytes;
  // Query tower, facts of a delta, codebook (twice: for the kernel too), parsed manifest.
  const needed =
    bytesOfKinds(manifest, ["query-tower", "delta"]) +
    2 * bytesOfKinds(manifest, ["codebook"]) +
    manifest.chunks.length * 500 +
    tableBytes(manifest);
  const filterPages = chunkTotals(manifest).get("filter-pages")?.count ?? 0;
  const filters = bytesOfKinds(manifest, ["filters"]) + filterPages * FILTER_PAGE_BYTES;
  const keepsFilters = fits(filters, FILTER_SHARE, needed);
  const withFilters = needed + (keepsFilters ? filters : 0);
  const withWords = withFilters + wordBytes(manifest);
  const keepsWords = fits(withWords, FIXED_SHARE, 0);
  return { bytes: keepsWords ? withWords : withFilters, leastCacheBytes, keepsFilters, keepsWords };
}
