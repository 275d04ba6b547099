import { BLOCK, blockBytes } from "../blocks.ts";
import type { Codebook } from "../codebook.ts";
import { checkPayload } from "../format/bytes.ts";
import {
  type ChunkCache,
  covering,
  entriesOf,
  MAX_FETCHES,
  mapLimited,
  type NumberedEntry,
} from "../format/chunk-cache.ts";
import type { AdcKernel } from "../kernel.ts";
import type { Manifest } from "../types.ts";
import type { Stretch } from "./rank.ts";

/** Ordinals [start, end). */
export interface OrdinalRange {
  readonly start: number;
  readonly end: number;
}

/** Single items that a paged index scores at once. */
const SINGLES = 128;
/** Bytes of chunks that are in memory together for one search of a paged index, besides those that the cache keeps. */
const GROUP_BYTES = 2 * 1024 * 1024;
/** Bytes of a paged list that are in the kernel's memory at once; it never gives memory back, so this must not follow the longest list. */
const SCAN_BYTES = 256 * 1024;

/** Lists that are ready to be scanned without an await. */
export interface ReadyLists {
  /** Offers the items [start, end) to the kernel; `mask` has one word a block, word 0 for the block of `start`. */
  scan(kernel: AdcKernel, start: number, end: number, bias: number, mask?: Uint32Array): void;
  /** Exact scores of single items, in their order, for the query the kernel has. */
  scores(kernel: AdcKernel, ordinals: Uint32Array, biases: Float32Array): Float32Array;
  /** The block that holds an ordinal: bytes and offset. */
  block(ordinal: number): { readonly bytes: Uint8Array; readonly at: number };
  /** To be called when nothing more will be read: pages may then be freed. */
  done(): void;
}

/** Where lists come from: memory, or chunks fetched as they are needed. The search is the same for both. */
export interface ListSource {
  /** True when `ready` answers at once, so that a search need not wait. */
  readonly isResident: boolean;
  ready(ranges: readonly OrdinalRange[]): ReadyLists | Promise<ReadyLists>;
  /**
   * Cuts what is to be scanned into runs that may be in memory together, each to be made `ready` by itself. Long stretches
   * come in pieces; an item is in one run only, and a chunk as well, unless it alone is larger than a run may be.
   */
  groups(stretches: readonly Stretch[]): Stretch[][];
}

/** All blocks loaded into the kernel once. */
export async function residentLists(
  cache: ChunkCache,
  manifest: Manifest,
  codebook: Codebook,
  kernel: AdcKernel,
): Promise<ListSource> {
  const size = blockBytes(codebook);
  const total = Math.ceil(manifest.numItems / BLOCK);
  const entries = entriesOf(manifest.chunks, "lists");
  await mapLimited(entries, MAX_FETCHES, async (numbered) => {
    const payload = await cache.fetch(numbered);
    checkBlocks(numbered, payload, codebook);
    kernel.load(payload, numbered.entry.first, total);
    cache.release(payload);
  });
  const lists: ReadyLists = {
    scan: (_kernel, start, end, bias, mask) => kernel.scan(start, end, 0, bias, mask),
    scores: (_kernel, ordinals, biases) => kernel.scores(ordinals, biases),
    block: (ordinal) => ({ bytes: kernel.blocks(), at: Math.floor(ordinal / BLOCK) * size }),
    done: () => undefined,
  };
  return { isResident: true, ready: () => lists, groups: (stretches) => [[...stretches]] };
}

/** Blocks fetched by chunk when a search visits them; the cache keeps the recent ones. */
export function pagedLists(cache: ChunkCache, manifest: Manifest, codebook: Codebook): ListSource {
  const entries = entriesOf(manifest.chunks, "lists");
  const size = blockBytes(codebook);
  return {
    isResident: false,
    ready: async (ranges) => {
      const wanted = new Map<number, NumberedEntry>();
      for (const { start, end } of ranges) {
        for (let block = Math.floor(start / BLOCK); block * BLOCK < end; ) {
          const numbered = covering(entries, block);
          wanted.set(numbered.seq, numbered);
          block = numbered.entry.first + numbered.entry.count;
        }
      }
      const held = new Map<number, Uint8Array>();
      let isOver = false;
      const done = () => {
        isOver = true;
        for (const [seq, payload] of held) cache.unpin(payload, wanted.get(seq)!);
        held.clear();
      };
      try {
        await mapLimited([...wanted.values()], MAX_FETCHES, async (numbered) => {
          const payload = await cache.pin(numbered);
          // Another of the chunks could not be read.
          if (isOver) return cache.unpin(payload, numbered);
          held.set(numbered.seq, payload);
          checkBlocks(numbered, payload, codebook);
        });
      } catch (error) {
        done();
        throw error;
      }
      return { ...pagedReady(entries, held, size), done };
    },
    groups: (stretches) => groupByChunks(stretches, entries),
  };
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
      if (bytes + entry.size > GROUP_BYTES) {
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
): Omit<ReadyLists, "done"> {
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

function checkBlocks({ entry }: NumberedEntry, payload: Uint8Array, codebook: Codebook): void {
  checkPayload(`chunk ${entry.key}`, entry.count * blockBytes(codebook), payload);
}
