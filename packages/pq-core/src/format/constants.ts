/** The numbers of docs/format.md, for the one writer and the one reader. */
export const FORMAT = "poeem-edge-index";
/** The latest version of manifests that is read. */
export const FORMAT_VERSION = 2;
/** Of a manifest whose chunks it lists itself, and of one that lists its pages in tables. */
export const MANIFEST_VERSIONS = { listed: 1, paged: 2 } as const;
/** Of the header of a chunk. */
export const CHUNK_VERSION = 1;

/** "PEIX" in ASCII, first byte first. */
export const MAGIC = [0x50, 0x45, 0x49, 0x58] as const;
export const HEADER_BYTES = 32;
export const ALIGNMENT = 16;

/** The next multiple of {@link ALIGNMENT}. */
export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

export const MAX_CHUNK_BYTES = 8 * 1024 * 1024;
/** A manifest beyond this is not read: parsing JSON costs about ten times its size in memory. */
export const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;
export const MAX_ITEMS = 0xffff_ffe0;

/** Number of a kind in the chunk header. `refine` is written no more: an index that lists it is read without it. */
export const KIND_NUMBERS = {
  codebook: 1,
  lists: 2,
  items: 3,
  lookup: 4,
  filters: 5,
  refine: 6,
  "query-tower": 7,
  delta: 8,
  words: 9,
  postings: 10,
  pages: 11,
  "filter-pages": 12,
} as const;
export type ChunkKind = keyof typeof KIND_NUMBERS;
