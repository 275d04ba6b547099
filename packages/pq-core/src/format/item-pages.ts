import { check, FormatError, typeError } from "../errors.ts";
import type { Item, ItemFields, ItemId } from "../types.ts";
import { SectionReader, SectionWriter } from "./bytes.ts";
import { type IdReader, type IdType, readIds, readStrings, writeIds, writeStrings } from "./ids.ts";

/** A run of items: ordinals [first, first + count). */
export interface Page {
  readonly first: number;
  readonly count: number;
  readonly payload: Uint8Array;
}

/** Cuts `sizes` into runs whose sum stays within `limit`; one element larger than the limit is an error. */
export function cutPages(
  name: string,
  sizes: (index: number) => number,
  n: number,
  limit: number,
): { first: number; count: number }[] {
  const pages: { first: number; count: number }[] = [];
  let first = 0;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const size = sizes(i);
    if (size > limit) check(false, `${name}[${i}]`, `at most ${limit} bytes (itemChunkBytes)`, `${size} bytes`);
    if (sum + size > limit) {
      pages.push({ first, count: i - first });
      first = i;
      sum = 0;
    }
    sum += size;
  }
  if (n > first) pages.push({ first, count: n - first });
  return pages;
}

const encoder = new TextEncoder();

/** Room that alignment takes in a page at most. */
const PAGE_OVERHEAD = 128;

function idBytes(id: ItemId, type: IdType): number {
  return type === "u32" ? 4 : type === "u64" ? 8 : 4 + encoder.encode(id as string).length;
}

/** Pages of ids and fields in list order, so that the top k of a query touch few of them. */
export function writeItemPages(
  ids: readonly ItemId[],
  type: IdType,
  fields: readonly ItemFields[] | undefined,
  limit: number,
): Page[] {
  const json = fields?.map((value, i) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw typeError(`fields[${i}]`, "an object", value);
    return JSON.stringify(value);
  });
  const size = (i: number): number =>
    idBytes(ids[i]!, type) + (json === undefined ? 0 : 4 + encoder.encode(json[i]!).length);
  return cutPages("fields", size, ids.length, limit - PAGE_OVERHEAD).map(({ first, count }) => {
    const writer = new SectionWriter();
    writeIds(writer, ids.slice(first, first + count), type);
    if (json !== undefined) writeStrings(writer, json.slice(first, first + count));
    return { first, count, payload: writer.bytes() };
  });
}

/** One page opened: items are decoded when they are asked for. */
export function readItemPage(
  where: string,
  payload: Uint8Array,
  count: number,
  type: IdType,
  hasFields: boolean,
): (index: number) => Item {
  const reader = new SectionReader(where, payload);
  const id: IdReader = readIds(reader, where, count, type);
  const json = hasFields ? readStrings(reader, where, "fields", count) : undefined;
  reader.end();
  return (index) => ({
    id: id(index),
    fields: json === undefined ? undefined : parseFields(where, json(index), index),
  });
}

function parseFields(where: string, json: string, index: number): ItemFields {
  let fields: unknown;
  try {
    fields = JSON.parse(json);
  } catch (cause) {
    throw new FormatError(where, `"fields[${index}]" is not JSON`, { cause });
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields))
    throw new FormatError(where, `"fields[${index}]" is not a JSON object`);
  return fields as ItemFields;
}
