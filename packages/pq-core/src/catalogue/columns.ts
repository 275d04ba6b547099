import { FormatError } from "../errors.ts";
import type { FacetValue, FilterColumns } from "../format/filters-chunk.ts";
import { BLOCK } from "../kernel/blocks.ts";
import type { BlockMask } from "../search/masks.ts";

/** Columns of the base and of the items beside it, counted without removed items. */
export interface TwoColumns {
  readonly base: FilterColumns;
  readonly delta: FilterColumns;
}

/** The columns of the base as if removed items had no value; ordinals and bitmaps still hold them. */
export function withoutRemoved(columns: FilterColumns, removed: Uint32Array, numItems: number): FilterColumns {
  const bitmap = new Uint32Array(Math.ceil(numItems / BLOCK));
  for (const ordinal of removed) bitmap[Math.floor(ordinal / BLOCK)]! |= 1 << (ordinal % BLOCK);
  const has = (bits: Uint32Array, ordinal: number): boolean =>
    ((bits[Math.floor(ordinal / BLOCK)]! >>> (ordinal % BLOCK)) & 1) === 1;
  const countRemoved = ({ bitmap: own, ordinals }: FacetValue): number =>
    own === undefined
      ? ordinals.reduce((sum, ordinal) => sum + (has(bitmap, ordinal) ? 1 : 0), 0)
      : removed.reduce((sum, ordinal) => sum + (has(own, ordinal) ? 1 : 0), 0);
  const facets = Array.from(columns.facets, ([name, values]) => {
    const live = Array.from(values, ([value, items]) => {
      const count = items.count - countRemoved(items);
      return [value, { ...items, count }] as const;
    });
    return [name, new Map(live.filter(([, { count }]) => count > 0))] as const;
  });
  return { facets: new Map(facets), numbers: columns.numbers };
}

/** Facets and numbers by their names. */
type Named = Readonly<Record<keyof FilterColumns, ReadonlyMap<string, unknown>>>;

/** @throws FormatError when the two do not have the same facets and numbers */
export function checkSameNames({ base, delta }: Record<keyof TwoColumns, Named>): void {
  for (const kind of ["facets", "numbers"] as const) {
    const expected = [...base[kind].keys()].join(", ");
    const got = [...delta[kind].keys()].join(", ");
    if (got !== expected) throw new FormatError("delta filters", `"${kind}" expected ${expected}, got ${got}`);
  }
}

/** A comparison's mask over both: blocks from `split` on are those of the items beside the base. */
export function joinMasks(base: BlockMask, delta: BlockMask, split: number): BlockMask {
  return {
    atMost: base.atMost + delta.atMost,
    fill: (first, out) => (first < split ? base.fill(first, out) : delta.fill(first - split, out)),
  };
}

/** Facets with fewer items. @param gone facet → value → how many fewer */
export function lessFacets(
  facets: FilterColumns["facets"],
  gone: ReadonlyMap<string, ReadonlyMap<string, number>>,
): FilterColumns["facets"] {
  return new Map(
    Array.from(facets, ([name, values]) => {
      const left = Array.from(values, ([value, items]) => {
        return [value, { ...items, count: items.count - (gone.get(name)?.get(value) ?? 0) }] as const;
      });
      return [name, new Map(left.filter(([, { count }]) => count > 0))] as const;
    }),
  );
}

/** Facet name → value → count, values in the order of a fresh index. */
export function countFacets({
  base,
  delta,
}: Record<keyof TwoColumns, Pick<FilterColumns, "facets">>): Record<string, Record<string, number>> {
  return Object.fromEntries(
    Array.from(base.facets, ([name, values]) => {
      const counts = new Map(Array.from(values, ([value, { count }]) => [value, count]));
      for (const [value, { count }] of delta.facets.get(name) ?? [])
        counts.set(value, (counts.get(value) ?? 0) + count);
      return [name, Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))];
    }),
  );
}
