import { checkEach } from "../errors.ts";
import { partition } from "../sorted.ts";
import { SectionReader, SectionWriter } from "./bytes.ts";
import type { IdColumn } from "./id-column.ts";
import { compareIds, type IdType, type ItemId, readIds } from "./ids.ts";
import { cutPages, type Page } from "./item-pages.ts";

/**
 * Pages of (id, ordinal) sorted by id: where an item of a history or a like lies. Fetched only when asked for.
 *
 * @param order (n) input position of each ordinal
 */
export function* writeLookupPages(
  ids: IdColumn,
  order: Uint32Array,
  limit: number,
): Generator<Page & { firstId: string }> {
  const { byId } = ids;
  const ordinalOf = new Uint32Array(order.length);
  for (let ordinal = 0; ordinal < order.length; ordinal++) ordinalOf[order[ordinal]!] = ordinal;
  const size = (rank: number): number => {
    const id = ids.idAt(byId[rank]!);
    // at most: three bytes per unit of UTF-16
    return 4 + (typeof id === "string" ? 4 + 3 * id.length : 8);
  };
  for (const { first, count } of cutPages("ids", size, order.length, limit - 128)) {
    const own = byId.subarray(first, first + count);
    const writer = new SectionWriter();
    writer.add(own.map((position) => ordinalOf[position]!));
    ids.write(writer, own);
    yield { first, count, payload: writer.bytes(), firstId: String(ids.idAt(own[0]!)) };
  }
}

/** One page opened. */
export interface OpenLookup {
  /** (count) in the order of the ids. */
  readonly ordinals: Uint32Array;
  /** The ordinal of an id, or −1. */
  find(id: ItemId): number;
}

export function readLookupPage(
  where: string,
  payload: Uint8Array,
  count: number,
  type: IdType,
  numItems: number,
): OpenLookup {
  const reader = new SectionReader(where, payload);
  const ordinals = reader.u32("ordinals", count);
  const idAt = readIds(reader, where, count, type);
  reader.end();
  checkEach("ordinals", ordinals, `below ${numItems}`, (ordinal) => ordinal < numItems, where);
  const find = (id: ItemId): number => {
    const rank = partition(count, (i) => compareIds(idAt(i), id) < 0);
    return rank < count && compareIds(idAt(rank), id) === 0 ? ordinals[rank]! : -1;
  };
  return { ordinals, find };
}
