import type { Codebook } from "../codebook/codebook.ts";
import { type ChunkCache, entriesOf, MAX_FETCHES, type NumberedEntry } from "../format/chunk-cache.ts";
import type { ItemId } from "../format/ids.ts";
import { type ListsLayout, type ListsPage, rangeOf, readListsPage } from "../format/lists-page.ts";
import type { Manifest } from "../format/manifest.ts";
import { BLOCK, blockBytes } from "../kernel/blocks.ts";
import { mapLimited } from "../limited.ts";
import { partition } from "../sorted.ts";
import type { ReadyLists } from "./list-source.ts";
import { shiftMask } from "./masks.ts";
import type { Stretch } from "./rank.ts";

/** Single items that a paged index scores at once. */
const SINGLES = 128;
/** Bytes of chunks that are in memory together for one search of a paged index, besides those that the cache keeps. */
export const PAGED_TOGETHER = 2 * 1024 * 1024;
/** Bytes of a paged list in the kernel's memory at once. The kernel never gives memory back, so this is fixed. */
const SCAN_BYTES = 256 * 1024;

/** Lists that are not in memory but in chunks, fetched as they are needed. */
export interface PagedLists {
  /**
   * Cuts what is to be read into runs that may be in memory together, and gives them to `use` one by one. Long
   * stretches come in pieces; an item is in one run only, and a chunk as well, unless it alone is larger than a run
   * may be.
   */
  each(
    cache: ChunkCache,
    stretches: readonly Stretch[],
    use: (lists: PagedReady, stretches: readonly Stretch[]) => void,
  ): Promise<void>;
  /** Pages in list order. */
  readonly pages: readonly NumberedEntry[];
  /** The page on which an item lies, and its first ordinal. */
  pageOf(ordinal: number): { readonly numbered: NumberedEntry; readonly start: number };
  /** What a payload has; it is checked once for as long as it is in memory. */
  open(numbered: NumberedEntry, payload: Uint8Array): ListsPage;
}

/** Lists some pages of which are in memory. */
export interface PagedReady extends ReadyLists {
  /** The id of an item on one of these pages, where pages have ids. */
  idOf(ordinal: number): ItemId | undefined;
}

/** A page with the ordinals on it. */
interface Place {
  readonly numbered: NumberedEntry;
  readonly start: number;
  readonly end: number;
}

/** A page that is in memory. */
interface Held extends Place {
  readonly payload: Uint8Array;
  readonly page: ListsPage;
}

/** Lists in the chunks that the manifest lists; the cache keeps recent ones. */
export function listedLists(manifest: Manifest, codebook: Codebook): PagedLists {
  return pagedLists(entriesOf(manifest, "lists"), codebook, { idType: undefined });
}

/** Lists on these pages, in list order. */
export function pagedLists(pages: readonly NumberedEntry[], codebook: Codebook, layout: ListsLayout): PagedLists {
  const places = pages.map((numbered): Place => ({ numbered, ...rangeOf(numbered, layout) }));
  const placeOf = (ordinal: number): Place => places[partition(places.length, (i) => places[i]!.start <= ordinal) - 1]!;
  const opened = new WeakMap<Uint8Array, ListsPage>();
  const open = (numbered: NumberedEntry, payload: Uint8Array): ListsPage => {
    const page = opened.get(payload) ?? readListsPage(numbered, payload, codebook, layout);
    opened.set(payload, page);
    return page;
  };
  return {
    pages,
    pageOf: placeOf,
    open,
    async each(cache, stretches, use) {
      for (const group of groupByChunks(stretches, placeOf)) {
        const held = await fetchLists(cache, open, new Set(group.map(({ place }) => place)));
        try {
          use(
            pagedReady(held, blockBytes(codebook), placeOf),
            group.map(({ stretch }) => stretch),
          );
        } finally {
          release(cache, held);
        }
      }
    },
  };
}

/** Pins the pages. */
async function fetchLists(
  cache: ChunkCache,
  open: PagedLists["open"],
  wanted: ReadonlySet<Place>,
): Promise<Map<NumberedEntry, Held>> {
  const held = new Map<NumberedEntry, Held>();
  let isOver = false;
  try {
    await mapLimited([...wanted], MAX_FETCHES, async (place) => {
      const { numbered } = place;
      const payload = await cache.pin(numbered);
      // Another of the chunks could not be read.
      if (isOver) return cache.unpin(payload, numbered);
      try {
        held.set(numbered, { ...place, payload, page: open(numbered, payload) });
      } catch (error) {
        cache.unpin(payload, numbered);
        throw error;
      }
    });
  } catch (error) {
    isOver = true;
    release(cache, held);
    throw error;
  }
  return held;
}

/** Nothing more will be read: pages may be freed. */
function release(cache: ChunkCache, held: ReadonlyMap<NumberedEntry, Held>): void {
  for (const { payload, numbered } of held.values()) cache.unpin(payload, numbered);
}

/** A part of a stretch that lies on one page. */
interface Piece {
  readonly stretch: Stretch;
  readonly place: Place;
}

function groupByChunks(stretches: readonly Stretch[], placeOf: (ordinal: number) => Place): Piece[][] {
  const pieces = stretches.flatMap((stretch) => cutAtChunks(stretch, placeOf));
  pieces.sort((a, b) => a.stretch.start - b.stretch.start);
  const groups: Piece[][] = [];
  let bytes = Infinity;
  let last: Place | undefined;
  for (const piece of pieces) {
    const { place } = piece;
    if (place !== last) {
      const { size } = place.numbered.entry;
      if (bytes + size > PAGED_TOGETHER) {
        groups.push([]);
        bytes = 0;
      }
      bytes += size;
      last = place;
    }
    groups.at(-1)!.push(piece);
  }
  return groups;
}

/** The parts of a stretch by the chunks they lie in. */
function cutAtChunks(stretch: Stretch, placeOf: (ordinal: number) => Place): Piece[] {
  const parts: Piece[] = [];
  const firstBlock = Math.floor(stretch.start / BLOCK);
  for (let start = stretch.start; start < stretch.end; ) {
    const place = placeOf(start);
    const end = Math.min(stretch.end, place.end);
    const mask = stretch.mask?.subarray(Math.floor(start / BLOCK) - firstBlock);
    parts.push({ stretch: { ...stretch, start, end, mask }, place });
    start = end;
  }
  return parts;
}

function pagedReady(
  held: ReadonlyMap<NumberedEntry, Held>,
  size: number,
  placeOf: (ordinal: number) => Place,
): PagedReady {
  let last: Held | undefined;
  const find = (ordinal: number): Held => {
    if (last === undefined || ordinal < last.start || ordinal >= last.end) last = held.get(placeOf(ordinal).numbered)!;
    return last;
  };
  const scanBlocks = Math.max(SINGLES, Math.floor(SCAN_BYTES / size));
  return {
    scan(kernel, start, end, bias, mask) {
      for (let from = start; from < end; ) {
        const { page, start: origin, end: last } = find(from);
        const block = Math.floor((from - origin) / BLOCK);
        const first = origin + block * BLOCK;
        const to = Math.min(end, last, first + scanBlocks * BLOCK);
        const blocks = Math.ceil((to - first) / BLOCK);
        kernel.load(page.blocks.subarray(block * size, (block + blocks) * size), 0, scanBlocks);
        kernel.scan(from - first, to - first, first, bias, mask && shiftMask(mask, start, first, blocks));
        from = to;
      }
    },
    scores(kernel, ordinals, biases) {
      // Item i goes to block position i of the kernel: one block each, SINGLES at a time.
      const scores = new Float32Array(ordinals.length);
      for (let from = 0; from < ordinals.length; from += SINGLES) {
        const part = ordinals.subarray(from, from + SINGLES);
        const positions = new Uint32Array(part.length);
        for (const [i, ordinal] of part.entries()) {
          const { bytes, at, lane } = this.block(ordinal);
          kernel.load(bytes.subarray(at, at + size), i, scanBlocks);
          positions[i] = i * BLOCK + lane;
        }
        scores.set(kernel.scores(positions, biases.subarray(from, from + SINGLES)), from);
      }
      return scores;
    },
    block(ordinal) {
      const { page, start } = find(ordinal);
      const position = ordinal - start;
      return { bytes: page.blocks, at: Math.floor(position / BLOCK) * size, lane: position % BLOCK };
    },
    idOf(ordinal) {
      const { page, start } = find(ordinal);
      return page.id?.(ordinal - start);
    },
  };
}
