import { typeError } from "../errors.ts";
import type { ArtifactInput } from "../format/artifact-writer.ts";
import type { FilterColumns } from "../format/filters-chunk.ts";
import { toIds } from "../format/ids.ts";
import type { Manifest } from "../format/manifest.ts";
import { BLOCK } from "../kernel/blocks.ts";
import { type Index, PqIndex } from "../search/pq-index.ts";
import { DeltaIndex } from "./delta-index.ts";
import { joinArrays, joinWords, readWordRows } from "./word-rows.ts";

/** All that an artifact keeps of its items, one element or row per item. */
export type ItemRows = Pick<
  ArtifactInput,
  "assignments" | "codes" | "terms" | "ids" | "fields" | "facets" | "numbers" | "words"
>;

/** The parts of an index that `openArtifact` gave. */
export function partsOf(index: Index): { base: PqIndex; delta: PqIndex | undefined; removed: Uint32Array } {
  if (index instanceof DeltaIndex) return index;
  if (index instanceof PqIndex) return { base: index, delta: undefined, removed: new Uint32Array(0) };
  throw typeError("index", "an index from openArtifact", index);
}

/** Reads items back as they were written. */
export async function readRows(part: PqIndex, ordinals: Uint32Array): Promise<ItemRows> {
  const { idType, hasFields, chunks, numItems, words } = part.manifest;
  const items = await part.items(ordinals);
  const hasFilters = chunks.some(({ kind }) => kind === "filters");
  return {
    ...(await part.codes(ordinals)),
    ids: toIds(
      items.map(({ id }) => id),
      idType,
    ),
    ...(hasFields ? { fields: items.map(({ fields }) => fields!) } : {}),
    ...(words === undefined ? {} : { words: await readWordRows(part, ordinals) }),
    ...(hasFilters ? readValues(await part.columns(), numItems, ordinals) : {}),
  };
}

function readValues(columns: FilterColumns, n: number, ordinals: Uint32Array): Pick<ItemRows, "facets" | "numbers"> {
  const facets = Array.from(columns.facets, ([name, values]) => {
    const own: string[][] = Array.from({ length: n }, () => []);
    for (const [value, { bitmap, ordinals: few }] of values) {
      if (few !== undefined) for (const ordinal of few) own[ordinal]!.push(value);
      else
        for (let ordinal = 0; ordinal < n; ordinal++)
          if ((bitmap[Math.floor(ordinal / BLOCK)]! >>> (ordinal % BLOCK)) & 1) own[ordinal]!.push(value);
    }
    return [name, Array.from(ordinals, (ordinal) => own[ordinal]!)] as const;
  });
  const numbers = Array.from(columns.numbers, ([name, values]) => {
    return [name, Float64Array.from(ordinals, (ordinal) => values[ordinal]!)] as const;
  });
  return { facets: Object.fromEntries(facets), numbers: Object.fromEntries(numbers) };
}

/** The items of one after those of the other; both must have the same members, facets and numbers. */
export function joinRows(a: ItemRows, b: ItemRows, idType: "string" | "u32" | "u64"): ItemRows {
  const both = <T>(x: T | undefined, y: T | undefined, join: (x: T, y: T) => T): T | undefined =>
    x === undefined || y === undefined ? undefined : join(x, y);
  const columns = <T>(
    x: Readonly<Record<string, ArrayLike<T>>>,
    y: Readonly<Record<string, ArrayLike<T>>>,
  ): Record<string, T[]> =>
    Object.fromEntries(Object.keys(x).map((name) => [name, [...Array.from(x[name]!), ...Array.from(y[name]!)]]));
  return {
    assignments: joinArrays(a.assignments, b.assignments),
    codes: joinArrays(a.codes, b.codes),
    terms: both(a.terms, b.terms, joinArrays),
    ids: toIds([...a.ids, ...b.ids], idType),
    fields: both(a.fields, b.fields, (x, y) => [...x, ...y]),
    facets: both(a.facets, b.facets, (x, y) => columns(x, y)),
    numbers: both(a.numbers, b.numbers, (x, y) => columns(x, y)),
    words: both(a.words, b.words, joinWords),
  };
}

/** (numItems) 0, 1, 2, … */
export function allOrdinals({ numItems }: Pick<Manifest, "numItems">): Uint32Array {
  return Uint32Array.from({ length: numItems }, (_, i) => i);
}
