import type { Index } from "@poeem/pq-core";

/**
 * Ranks every query through the index, as the Worker would.
 *
 * @param queries (n, dim)
 * @param ids external id of each item number
 * @returns item numbers of each query's top k, best first, and the mean share of items scanned
 */
export async function rankWithIndex(
  index: Index,
  queries: Float32Array,
  ids: readonly string[],
  k: number,
  nprobe: number,
  onQuery: (done: number) => void,
): Promise<{ ranked: Uint32Array[]; scanned: number }> {
  const { dim, numItems } = index.manifest;
  const itemOf = new Uint32Array(numItems);
  (await index.ordinals(ids)).forEach((ordinal, item) => {
    itemOf[ordinal] = item;
  });
  const ranked: Uint32Array[] = [];
  let codesScanned = 0;
  const n = queries.length / dim;
  for (let query = 0; query < n; query++) {
    const found = await index.search(queries.subarray(query * dim, (query + 1) * dim), { k, nprobe });
    ranked.push(found.ordinals.map((ordinal) => itemOf[ordinal]!));
    codesScanned += found.codesScanned;
    onQuery(query + 1);
  }
  return { ranked, scanned: codesScanned / n / numItems };
}
