import type { Codebook } from "../codebook/codebook.ts";
import { type ChunkCache, entriesOf, fetchEach } from "../format/chunk-cache.ts";
import { readListsPage } from "../format/lists-page.ts";
import type { Manifest } from "../format/manifest.ts";
import { BLOCK, countBlocks } from "../kernel/blocks.ts";
import type { AdcKernel } from "../kernel/kernel.ts";

/** Lists that are ready to be scanned without an await. */
export interface ReadyLists {
  /** Offers the items [start, end) to the kernel; `mask` has one word per block, word 0 for the block of `start`. */
  scan(kernel: AdcKernel, start: number, end: number, bias: number, mask?: Uint32Array): void;
  /** See `AdcKernel.rank`: where all lists are in the kernel's memory. */
  readonly rank?: AdcKernel["rank"];
  /** See `AdcKernel.shortlist`. */
  readonly shortlist?: AdcKernel["shortlist"];
  /** See `AdcKernel.scoresByEach`. */
  readonly scoresByEach?: AdcKernel["scoresByEach"];
  /** Exact scores of single items, in their order, for the query the kernel has. */
  scores(kernel: AdcKernel, ordinals: Uint32Array, biases: Float32Array): Float32Array;
  /** The block that holds an ordinal: bytes and offset; and the item's lane in it. */
  block(ordinal: number): { readonly bytes: Uint8Array; readonly at: number; readonly lane: number };
}

/** All blocks loaded into the kernel once. */
export async function residentLists(
  cache: ChunkCache,
  manifest: Manifest,
  codebook: Codebook,
  kernel: AdcKernel,
): Promise<ReadyLists> {
  const total = countBlocks(manifest.numItems);
  await fetchEach(cache, entriesOf(manifest, "lists"), (payload, numbered) => {
    readListsPage(numbered, payload, codebook, { idType: undefined });
    if (kernel.keep) kernel.keep(payload, numbered.entry.first, total);
    else kernel.load(payload, numbered.entry.first, total);
  });
  return {
    ...(kernel.rank && { rank: kernel.rank }),
    ...(kernel.shortlist && { shortlist: kernel.shortlist }),
    ...(kernel.scoresByEach && { scoresByEach: kernel.scoresByEach }),
    scan: (_kernel, start, end, bias, mask) => kernel.scan(start, end, 0, bias, mask),
    scores: (_kernel, ordinals, biases) => kernel.scores(ordinals, biases),
    block: (ordinal) => ({ bytes: kernel.block(Math.floor(ordinal / BLOCK)), at: 0, lane: ordinal % BLOCK }),
  };
}
