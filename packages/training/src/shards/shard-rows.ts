import { toIds } from "@poeem/pq-core/write";
import type { EncodedItems } from "../encode/item-encoder.ts";
import type { ItemsFile } from "../encode/read-items.ts";
import { facetColumn, numberColumn, type ShardShape } from "./schema.ts";

/** A column of numbers, or what gives a text, bytes or a list of each row. */
type Values =
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | ((row: number) => string | Uint8Array | readonly (string | number)[]);

/** Some rows of a shard, by the names of its columns. */
export interface ShardRows {
  readonly count: number;
  readonly columns: ReadonlyMap<string, Values>;
}

/**
 * Encoded items as rows of a shard; those of which the tower knows nothing are left out.
 * @param first number of the first one's row
 * @param numSubQuantizers bytes of a code
 */
export function shardRows(
  read: ItemsFile,
  encoded: EncodedItems,
  shape: ShardShape,
  numSubQuantizers: number,
  first: number,
): ShardRows {
  const { ids, assignments, codes, terms, words, nothingKnown } = encoded;
  const left = new Set(nothingKnown);
  const kept = Uint32Array.from(ids.keys()).filter((i) => !left.has(i));
  const all = kept.length === ids.length;
  const numbers = <T extends Uint32Array | Float32Array | Float64Array | BigUint64Array>(values: T): T =>
    all ? values : (pick(values, kept) as T);
  const own = toIds(ids, shape.idType);
  const columns = new Map<string, Values>([
    ["id", own instanceof Uint32Array || own instanceof BigUint64Array ? numbers(own) : (row) => own[kept[row]!]!],
    ["cell", numbers(assignments)],
    ["code", (row) => codes.subarray(kept[row]! * numSubQuantizers, (kept[row]! + 1) * numSubQuantizers)],
    ["place", BigUint64Array.from(kept, (i) => BigInt(first + i))],
  ]);
  if (terms) columns.set("term", numbers(terms));
  if (shape.hasFields) columns.set("fields", (row) => JSON.stringify(read.fields![kept[row]!]));
  for (const name of shape.facets) {
    const values = read.facets![name]!;
    columns.set(facetColumn(name), (row) => [values[kept[row]!] ?? []].flat());
  }
  for (const name of shape.numbers) columns.set(numberColumn(name), numbers(Float64Array.from(read.numbers![name]!)));
  if (words) {
    const { offsets, numbers: termNumbers, impacts, nameOffsets, names } = words;
    const bounds = (of: Uint32Array, row: number) => [of[kept[row]!]!, of[kept[row]! + 1]!] as const;
    columns.set("terms", (row) =>
      Array.from(termNumbers.subarray(...bounds(offsets, row)), (term) => words.terms[term]!),
    );
    columns.set("impacts", (row) => impacts.subarray(...bounds(offsets, row)));
    columns.set("names", (row) => [...names.subarray(...bounds(nameOffsets, row))]);
  }
  return { count: kept.length, columns };
}

function pick<T extends Uint32Array | Float32Array | Float64Array | BigUint64Array>(values: T, rows: Uint32Array) {
  const picked = new (values.constructor as new (length: number) => T)(rows.length);
  rows.forEach((row, i) => {
    picked[i] = values[row]!;
  });
  return picked;
}
