import type { DeltaIndex } from "../catalogue/delta-index.ts";
import type { ItemId } from "../format/ids.ts";
import { MaskFilter } from "../search/compile-filter.ts";
import type { Filter } from "../search/filter.ts";
import type { ItemMask } from "../search/masks.ts";
import { countBits } from "../search/ordinal-set.ts";
import type { Index, PqIndex } from "../search/pq-index.ts";
import type { Places } from "./places.ts";
import { type Postings, Room } from "./postings.ts";
import type { WordQuery } from "./query.ts";

/**
 * Items with one term of each required list, and of no excluded list with all terms, as a filter; undefined where that
 * is any. However often a term comes in the lists, its postings are decoded once, and one list of them at a time.
 */
export function wordFilter(
  { blocks }: Places,
  query: Pick<WordQuery, "required" | "excluded">,
  postingsOf: (term: string) => Postings | undefined,
): Filter | undefined {
  const [required, excluded] = [distinct(query.required), distinct(query.excluded)];
  if (required.length === 0 && excluded.length === 0) return undefined;
  const size = blocks.at(-1)!;
  const room = new Room();
  const bits = new Uint32Array(size).fill(0xffff_ffff);
  const mark = (term: string, into: Uint32Array): Uint32Array => {
    postingsOf(term)?.mark(into, blocks, room);
    return into;
  };
  const all = [...required, ...excluded].flat();
  const kept = new Map<string, Uint32Array>();
  const repeated = new Set(all.filter((term, i) => all.indexOf(term) < i));
  const some = new Uint32Array(size);
  /** Items that have a term; until the next call. */
  const having = (term: string): Uint32Array => {
    if (!repeated.has(term)) return mark(term, some.fill(0));
    const known = kept.get(term) ?? mark(term, new Uint32Array(size));
    kept.set(term, known);
    return known;
  };
  const join = new Uint32Array(size);
  for (const terms of required) {
    let left = 0;
    join.fill(0);
    for (const term of terms) {
      const own = having(term);
      for (let i = 0; i < size; i++) join[i]! |= own[i]!;
    }
    for (let i = 0; i < size; i++) left |= bits[i]! &= join[i]!;
    if (left === 0) break;
  }
  for (const terms of excluded) {
    join.fill(0xffff_ffff);
    for (const term of terms) {
      const own = having(term);
      for (let i = 0; i < size; i++) join[i]! &= own[i]!;
    }
    for (let i = 0; i < size; i++) bits[i]! &= ~join[i]!;
  }
  const atMost = required.length === 0 ? Infinity : bits.reduce((sum, word) => sum + countBits(word), 0);
  const filter = new MaskFilter({ atMost, fill: (first, out) => out.set(bits.subarray(first, first + out.length)) });
  // A filter like any other to the index, but none that a caller can write down.
  return filter as unknown as Filter;
}

/** Lists of terms, each list once and each term once in it. */
function distinct(lists: readonly (string | readonly string[])[]): string[][] {
  const sets = lists.map((terms) => [...new Set([terms].flat())].sort());
  return [...new Map(sets.map((terms) => [JSON.stringify(terms), terms])).values()];
}

/** A filter that was compiled, for all that a search asks of it. */
export interface Compiled {
  /** For each part. */
  readonly masks: readonly ItemMask[];
  /** The same for a search of the index: what is computed for one of them is there for the other. */
  readonly filter: Filter;
}

/** @throws InputError */
export async function compileOnce(index: Index, { blocks, isPlain }: Places, filter: Filter): Promise<Compiled> {
  const masks = isPlain ? [await (index as PqIndex).mask(filter)] : await masksOf(index as DeltaIndex, filter);
  // an item may be found anywhere by its words
  for (const mask of masks) await mask.prepare?.();
  // Beside an index whose filters lie on pages each part counts its own; otherwise each counts those of both.
  const areApart = !isPlain && (index as DeltaIndex).base.parts.tables !== undefined;
  const mask = new MaskFilter({
    atMost: masks.slice(0, areApart ? 2 : 1).reduce((sum, { atMost }) => sum + atMost, 0),
    fill(first, out) {
      const part = first < blocks[1]! ? 0 : 1;
      out.set(masks[part]!.words(first - blocks[part]!, out.length));
    },
  });
  return { masks, filter: mask as unknown as Filter };
}

async function masksOf(index: DeltaIndex, filter: Filter): Promise<ItemMask[]> {
  const { base, delta } = await index.masks(filter);
  return [base, delta];
}

/** Whether an item of the catalogue passes a filter and is not excluded; undefined where all do. */
export async function passing(
  index: Index,
  places: Places,
  compiled: Compiled | undefined,
  exclude: readonly ItemId[] = [],
): Promise<((ordinal: number) => boolean) | undefined> {
  if (compiled === undefined && exclude.length === 0) return undefined;
  const excluded = new Set(exclude.length === 0 ? [] : await index.ordinals(exclude));
  if (compiled === undefined) return (ordinal) => !excluded.has(ordinal);
  const { masks } = compiled;
  return (ordinal) => {
    if (excluded.has(ordinal)) return false;
    const { part, own } = places.placeOf(ordinal);
    return masks[part]!.has(own);
  };
}
