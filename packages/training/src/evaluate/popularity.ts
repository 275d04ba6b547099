import { type Csr, listOf } from "../data/csr.ts";

/**
 * The popularity baseline: every query gets the items with the most training events, without those of its history.
 * Ties by smaller item number.
 *
 * @param counts (numItems) training events of each item
 * @param histories items of each query that are left out
 */
export function rankByPopularity(counts: Uint32Array, histories: Csr, k: number): Uint32Array[] {
  const order = Uint32Array.from(counts.keys()).sort((a, b) => counts[b]! - counts[a]! || a - b);
  return Array.from({ length: histories.offsets.length - 1 }, (_, query) => {
    const seen = new Set(listOf(histories, query));
    // of the k + |seen| most popular items at least k are unseen, if there are so many
    return order
      .subarray(0, k + seen.size)
      .filter((item) => !seen.has(item))
      .subarray(0, k);
  });
}
