import type { Index, ItemId } from "@poeem/pq-core";
import { type Csr, listOf } from "../data/csr.ts";
import type { QueryEncoder } from "./query-encoder.ts";

export interface IndexRanking {
  /** External id of each item number. */
  readonly ids: readonly ItemId[];
  readonly k: number;
  readonly nprobe: number;
  /** Item numbers left out of each query's ranking. */
  readonly seen: Csr;
  readonly onQuery?: ((done: number) => void) | undefined;
}

/** The decoded vector of every item, (ids.length, dim), in the order of `ids`. */
export async function decodedVectors(index: Index, ids: readonly ItemId[]): Promise<Float32Array> {
  return index.vectors(await index.ordinals(ids));
}

/** Number of the item at each ordinal. */
export async function itemNumbers(index: Index, ids: readonly ItemId[]): Promise<Uint32Array> {
  const itemOf = new Uint32Array(index.manifest.numItems);
  (await index.ordinals(ids)).forEach((ordinal, item) => {
    itemOf[ordinal] = item;
  });
  return itemOf;
}

/**
 * Ranks every query by the codes of the index, as the Worker would.
 *
 * @param encode query vectors by query number, read from `decoded`
 * @param decoded decoded vectors of the items, (ids.length, dim)
 * @returns item numbers of each query's top k, best first (none where nothing is known of a query), and the
 *   mean share of items whose codes were scanned
 */
export async function rankWithIndex(
  index: Index,
  encode: QueryEncoder,
  decoded: Float32Array,
  ranking: IndexRanking,
): Promise<{ ranked: Uint32Array[]; scanned: number }> {
  const { ids, k, nprobe, seen, onQuery } = ranking;
  const { numItems } = index.manifest;
  const itemOf = await itemNumbers(index, ids);
  const ranked: Uint32Array[] = [];
  let codesScanned = 0;
  let searches = 0;
  const n = seen.offsets.length - 1;
  for (let query = 0; query < n; query++) {
    const asked = encode(query, decoded);
    if (asked) {
      const exclude = Array.from(listOf(seen, query), (item) => ids[item]!);
      const found = await index.search(asked.vectors, { k, nprobe, exclude, merge: asked.merge });
      ranked.push(found.ordinals.map((ordinal) => itemOf[ordinal]!));
      codesScanned += found.codesScanned;
      searches++;
    } else ranked.push(new Uint32Array(0));
    onQuery?.(query + 1);
  }
  return { ranked, scanned: codesScanned / Math.max(1, searches) / numItems };
}
