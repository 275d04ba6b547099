import type { Codebook } from "../codebook/codebook.ts";
import { type ChunkCache, covering, entriesOf, MAX_FETCHES, type NumberedEntry } from "../format/chunk-cache.ts";
import type { Manifest } from "../format/manifest.ts";
import { BLOCK, blockBytes } from "../kernel/blocks.ts";
import { mapLimited } from "../limited.ts";
import { checkBlocks, type ReadyLists } from "./list-source.ts";
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
    use: (lists: ReadyLists, stretches: readonly Stretch[]) => void,
  ): Promise<void>;
}

/** Pages the lists of an index that is larger than `residentBytes`; the cache keeps recent ones. */
export function pagedLists(manifest: Manifest, codebook: Codebook): PagedLists {
  const entries = entriesOf(manifest, "lists");
  const size = blockBytes(codebook);
  return {
    async each(cache, stretches, use) {
      for (const group of groupByChunks(stretches, entries)) {
        const held = await fetchLists(cache, codebook, entries, group);
        try {
          use(pagedReady(entries, held, size), group);
        } finally {
          release(cache, entries, held);
        }
      }
    },
  };
}

/** Chunk number → pinned payload of all chunks that the stretches lie in. */
async function fetchLists(
  cache: ChunkCache,
  codebook: Codebook,
  entries: readonly NumberedEntry[],
  stretches: readonly Stretch[],
): Promise<Map<number, Uint8Array>> {
  const wanted = new Set<NumberedEntry>();
  for (const { start, end } of stretches) {
    for (let block = Math.floor(start / BLOCK); block * BLOCK < end; ) {
      const numbered = covering(entries, block);
      wanted.add(numbered);
      block = numbered.entry.first + numbered.entry.count;
    }
  }
  const held = new Map<number, Uint8Array>();
  let isOver = false;
  try {
    await mapLimited([...wanted], MAX_FETCHES, async (numbered) => {
      const payload = await cache.pin(numbered);
      // Another of the chunks could not be read.
      if (isOver) return cache.unpin(payload, numbered);
      held.set(numbered.seq, payload);
      checkBlocks(numbered, payload, codebook);
    });
  } catch (error) {
    isOver = true;
    release(cache, entries, held);
    throw error;
  }
  return held;
}

/** Nothing more will be read: pages may be freed. */
function release(cache: ChunkCache, entries: readonly NumberedEntry[], held: ReadonlyMap<number, Uint8Array>): void {
  for (const [seq, payload] of held) cache.unpin(payload, entries[seq]!);
}

function groupByChunks(stretches: readonly Stretch[], entries: readonly NumberedEntry[]): Stretch[][] {
  const pieces = stretches.flatMap((stretch) => cutAtChunks(stretch, entries));
  pieces.sort((a, b) => a.stretch.start - b.stretch.start);
  const groups: Stretch[][] = [];
  let bytes = Infinity;
  let last = -1;
  for (const { stretch, numbered } of pieces) {
    const { seq, entry } = numbered;
    if (seq !== last) {
      if (bytes + entry.size > PAGED_TOGETHER) {
        groups.push([]);
        bytes = 0;
      }
      bytes += entry.size;
      last = seq;
    }
    groups.at(-1)!.push(stretch);
  }
  return groups;
}

/** The parts of a stretch by the chunks they lie in. */
function cutAtChunks(
  stretch: Stretch,
  entries: readonly NumberedEntry[],
): { readonly stretch: Stretch; readonly numbered: NumberedEntry }[] {
  const parts: { stretch: Stretch; numbered: NumberedEntry }[] = [];
  const firstBlock = Math.floor(stretch.start / BLOCK);
  for (let start = stretch.start; start < stretch.end; ) {
    const block = Math.floor(start / BLOCK);
    const numbered = covering(entries, block);
    const end = Math.min(stretch.end, (numbered.entry.first + numbered.entry.count) * BLOCK);
    parts.push({ stretch: { ...stretch, start, end, mask: stretch.mask?.subarray(block - firstBlock) }, numbered });
    start = end;
  }
  return parts;
}

function pagedReady(
  entries: readonly NumberedEntry[],
  held: ReadonlyMap<number, Uint8Array>,
  size: number,
): ReadyLists {
  const find = (block: number): { payload: Uint8Array; first: number; last: number } => {
    const { entry, seq } = covering(entries, block);
    return { payload: held.get(seq)!, first: entry.first, last: entry.first + entry.count };
  };
  const scanBlocks = Math.max(SINGLES, Math.floor(SCAN_BYTES / size));
  return {
    scan(kernel, start, end, bias, mask) {
      const startBlock = Math.floor(start / BLOCK);
      for (let from = start; from < end; ) {
        const block = Math.floor(from / BLOCK);
        const { payload, first, last } = find(block);
        const to = Math.min(end, last * BLOCK, (block + scanBlocks) * BLOCK);
        const blocks = Math.ceil(to / BLOCK) - block;
        kernel.load(payload.subarray((block - first) * size, (block - first + blocks) * size), 0, scanBlocks);
        kernel.scan(from - block * BLOCK, to - block * BLOCK, block * BLOCK, bias, mask?.subarray(block - startBlock));
        from = to;
      }
    },
    scores(kernel, ordinals, biases) {
      // Item i goes to block position i of the kernel: one block each, SINGLES at a time.
      const scores = new Float32Array(ordinals.length);
      for (let from = 0; from < ordinals.length; from += SINGLES) {
        const part = ordinals.subarray(from, from + SINGLES);
        for (const [i, ordinal] of part.entries()) {
          const { bytes, at } = this.block(ordinal);
          kernel.load(bytes.subarray(at, at + size), i, scanBlocks);
        }
        const positions = part.map((ordinal, i) => i * BLOCK + (ordinal % BLOCK));
        scores.set(kernel.scores(positions, biases.subarray(from, from + SINGLES)), from);
      }
      return scores;
    },
    block(ordinal) {
      const block = Math.floor(ordinal / BLOCK);
      const { payload, first } = find(block);
      return { bytes: payload, at: (block - first) * size };
    },
  };
}
