import { checkEach } from "../errors.ts";
import { partition } from "../search/sorted.ts";
import type { ItemId } from "../types.ts";
import { SectionReader, SectionWriter } from "./bytes.ts";
import { compareIds, type IdType, readIds, writeIds } from "./ids.ts";
import { cutPages, type Page } from "./item-pages.ts";

/** Pages of (id, ordinal) sorted by id: where an item of a history or a like lies. Fetched only when asked for. */
export function writeLookupPages(ids: readonly ItemId[], type: IdType, limit: number): (Page & { firstId: string })[] {
  const byId = Uint32Array.from(ids.keys()).sort((a, b) => compareIds(ids[a]!, ids[b]!));
  const size = (rank: number): number => 4 + (type === "string" ? 4 + 3 * (ids[byId[rank]!] as string).length : 8);
  return cutPages("ids", size, ids.length, limit - 128).map(({ first, count }) => {
    const ordinals = byId.slice(first, first + count);
    const writer = new SectionWriter();
    writer.add(ordinals);
    writeIds(
      writer,
      Array.from(ordinals, (ordinal) => ids[ordinal]!),
      type,
    );
    return { first, count, payload: writer.bytes(), firstId: String(ids[ordinals[0]!]) };
  });
}

/** One page opened: the ordinal of an id, or −1. */
export function readLookupPage(
  where: string,
  payload: Uint8Array,
  count: number,
  type: IdType,
  numItems: number,
): (id: ItemId) => number {
  const reader = new SectionReader(where, payload);
  const ordinals = reader.u32("ordinals", count);
  const idAt = readIds(reader, where, count, type);
  reader.end();
  checkEach("ordinals", ordinals, `below ${numItems}`, (ordinal) => ordinal < numItems, where);
  return (id) => {
    const rank = partition(count, (i) => compareIds(idAt(i), id) < 0);
    return rank < count && compareIds(idAt(rank), id) === 0 ? ordinals[rank]! : -1;
  };
}
