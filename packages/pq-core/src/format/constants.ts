/** The numbers of docs/format.md, for the one writer and the one reader. */
export const FORMAT = "poeem-edge-index";
export const FORMAT_VERSION = 1;

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
} as const;
export type ChunkKind = keyof typeof KIND_NUMBERS;
