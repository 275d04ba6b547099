import { type ChunkCache, covering, MAX_FETCHES, type NumberedEntry } from "../format/chunk-cache.ts";
import { compareIds, type IdReader, type ItemId } from "../format/ids.ts";
import { listOf } from "../format/inverted-lists.ts";
import { addTo } from "../group.ts";
import { mapLimited } from "../limited.ts";
import type { OrdinalSet } from "./ordinal-set.ts";

/** Where the ids of an index are: by ordinal in its item pages, by id in its look-up pages. */
export interface IdPages {
  readonly items: readonly NumberedEntry[];
  readonly lookup: readonly NumberedEntry[];
  readonly offsets: Uint32Array;
  readonly cache: ChunkCache;
  idsOf(page: NumberedEntry, payload: Uint8Array): IdReader;
  /** (count) ordinals in the order of the ids. */
  ordinalsOf(page: NumberedEntry, payload: Uint8Array): Uint32Array;
}

/**
 * Of some items the `wanted` with the smallest ids, in their order. Two ways lead there, both with no more in memory
 * than that and a number for each cell: through the look-up pages, the smallest ids first, which is short where many
 * of all items are among them; or through the item pages on which they lie, where ids ascend inside a cell, so that of
 * each no more is read than can be wanted. Takes the one that needs fewer pages as far as can be told, and leaves the
 * first for the second where it turns out to be longer.
 */
export async function firstById(pages: IdPages, ordinals: OrdinalSet, wanted: number): Promise<Uint32Array> {
  const { items, lookup, offsets } = pages;
  const cell = listOf(offsets, ordinals.next(0));
  if (ordinals.next(offsets[cell + 1]!) < 0) return ordinals.slice(0, wanted);
  const count = ordinals.count();
  let numPages = 0;
  for (let at = ordinals.next(0); at >= 0; numPages++) {
    const { entry } = covering(items, at);
    at = ordinals.next(entry.first + entry.count);
  }
  const expected = Math.ceil((lookup.length * Math.min(wanted, count)) / count);
  const found = 2 * expected < numPages ? await throughLookup(pages, ordinals, wanted, numPages, count) : undefined;
  return found ?? throughCells(pages, ordinals, wanted);
}

/** @returns undefined where `mostPages` were not enough */
async function throughLookup(
  { lookup, cache, ordinalsOf }: IdPages,
  ordinals: OrdinalSet,
  wanted: number,
  mostPages: number,
  count: number,
): Promise<Uint32Array | undefined> {
  const found = new Uint32Array(wanted);
  let n = 0;
  for (let read = 0; read < Math.min(lookup.length, mostPages); ) {
    const expected = Math.ceil((lookup.length * (wanted - n)) / count);
    const some = lookup.slice(read, read + Math.min(expected, MAX_FETCHES));
    // Of each page what is wanted, so that several can be read at once.
    const parts = await mapLimited(some, MAX_FETCHES, (page) =>
      cache.read(page, (payload) => ordinalsOf(page, payload).filter((ordinal) => ordinals.has(ordinal))),
    );
    for (const part of parts) {
      const more = part.subarray(0, wanted - n);
      found.set(more, n);
      n += more.length;
    }
    if (n === wanted) return found;
    read += some.length;
  }
  return undefined;
}

/** Cells side by side, a page of each at a time, until none has an id that is still wanted. */
async function throughCells(
  { items, offsets, cache, idsOf }: IdPages,
  ordinals: OrdinalSet,
  wanted: number,
): Promise<Uint32Array> {
  const best = new SmallestIds(wanted);
  /** The next item of each cell that still has one. */
  let fronts: number[] = [];
  for (let at = ordinals.next(0); at >= 0; at = ordinals.next(offsets[listOf(offsets, at) + 1]!)) fronts.push(at);
  while (fronts.length > 0) {
    const pages = new Map<NumberedEntry, number[]>();
    for (const at of fronts) addTo(pages, covering(items, at), at);
    const later: number[] = [];
    await mapLimited([...pages], MAX_FETCHES, ([page, own]) =>
      cache.read(page, (payload) => {
        const { first, count } = page.entry;
        const idAt = idsOf(page, payload);
        for (const front of own) {
          const end = offsets[listOf(offsets, front) + 1]!;
          let at = front;
          while (at >= 0 && at < end && at < first + count && best.offer(idAt(at - first), at))
            at = ordinals.next(at + 1);
          if (at >= first + count && at < end) later.push(at);
        }
      }),
    );
    fronts = later;
  }
  return best.take();
}

/** The smallest ids, the largest of them on top of a heap. */
class SmallestIds {
  readonly #size: number;
  readonly #ids: ItemId[] = [];
  readonly #ordinals: number[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** @returns false when it is not among them, and no larger one can be */
  offer(id: ItemId, ordinal: number): boolean {
    const [ids, ordinals] = [this.#ids, this.#ordinals];
    if (ids.length < this.#size) {
      let at = ids.length;
      for (let parent = (at - 1) >> 1; at > 0 && compareIds(ids[parent]!, id) < 0; parent = (at - 1) >> 1) {
        ids[at] = ids[parent]!;
        ordinals[at] = ordinals[parent]!;
        at = parent;
      }
      ids[at] = id;
      ordinals[at] = ordinal;
      return true;
    }
    if (compareIds(ids[0]!, id) < 0) return false;
    let at = 0;
    for (let child = 1; child < ids.length; child = 2 * at + 1) {
      if (child + 1 < ids.length && compareIds(ids[child + 1]!, ids[child]!) > 0) child++;
      if (compareIds(ids[child]!, id) <= 0) break;
      ids[at] = ids[child]!;
      ordinals[at] = ordinals[child]!;
      at = child;
    }
    ids[at] = id;
    ordinals[at] = ordinal;
    return true;
  }

  take(): Uint32Array {
    const order = Array.from(this.#ids.keys()).sort((a, b) => compareIds(this.#ids[a]!, this.#ids[b]!));
    return Uint32Array.from(order, (i) => this.#ordinals[i]!);
  }
}
