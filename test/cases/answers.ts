import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { type ItemFields, parseFilter } from "@poeem/pq-core";

/** Fields of all items of an index folder, by id. */
export async function fieldsOf(folder: string): Promise<Map<string, ItemFields | undefined>> {
  const index = await openIndexDirectory(folder);
  const items = await index.items(Uint32Array.from({ length: index.manifest.numItems }, (_, i) => i));
  return new Map(items.map(({ id, fields }) => [String(id), fields]));
}

/** Ids of all items that a filter lets through, as a search finds them. */
export async function idsFound(folder: string, filter: string): Promise<string[]> {
  const index = await openIndexDirectory(folder);
  const { numItems, nlist } = index.manifest;
  const query = await index.vectors(Uint32Array.of(0));
  const found = await index.search(query, { k: numItems, nprobe: nlist, filter: parseFilter(filter) });
  return (await index.items(found.ordinals)).map(({ id }) => String(id)).sort();
}
