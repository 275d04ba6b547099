import { check, FormatError, INPUT, typeError } from "../errors.ts";
import { SectionReader, SectionWriter } from "./bytes.ts";
import type { IdColumn } from "./id-column.ts";
import { type IdReader, type IdType, type ItemId, readIds, readStrings, writeStrings } from "./ids.ts";
import { utf8Length } from "./utf8.ts";

/** A JSON object that travels with an item and comes back with it. */
export type ItemFields = Readonly<Record<string, unknown>>;

export interface Item {
  /** As written: a string, or a number (u32), or a bigint (u64). */
  readonly id: ItemId;
  readonly fields: ItemFields | undefined;
}

/** A run of items: ordinals [first, first + count). */
export interface Page {
  readonly first: number;
  readonly count: number;
  readonly payload: Uint8Array;
}

/**
 * Cuts elements of these sizes into runs whose sum stays within `limit`; one element larger than the limit is an
 * error. Each size is asked for once and in order, and a run comes as soon as the first size behind it is known.
 */
export function* cutPages(
  name: string,
  sizes: (index: number) => number,
  n: number,
  limit: number,
): Generator<{ first: number; count: number }> {
  let first = 0;
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const size = sizes(i);
    if (size > limit) check(false, `${name}[${i}]`, `at most ${limit} bytes (itemChunkBytes)`, `${size} bytes`, INPUT);
    if (sum + size > limit) {
      yield { first, count: i - first };
      first = i;
      sum = 0;
    }
    sum += size;
  }
  if (n > first) yield { first, count: n - first };
}

/** Room that alignment takes in a page at most. */
const PAGE_OVERHEAD = 128;

/**
 * Pages of ids and fields in list order, so that the top k of a query touch few of them; one after the other, so that
 * the JSON of all fields is never in memory together.
 *
 * @param order (n) input position of each ordinal
 */
export function* writeItemPages(
  ids: IdColumn,
  order: Uint32Array,
  fields: readonly ItemFields[] | undefined,
  limit: number,
): Generator<Page> {
  // of the page at hand
  const json: string[] = [];
  const size = (i: number): number => {
    const bytes = ids.bytesAt(order[i]!);
    if (fields === undefined) return bytes;
    const text = fieldsJson(fields[order[i]!], order[i]!);
    json.push(text);
    return bytes + 4 + utf8Length(text);
  };
  for (const { first, count } of cutPages("fields", size, order.length, limit - PAGE_OVERHEAD)) {
    const writer = new SectionWriter();
    ids.write(writer, order.subarray(first, first + count));
    if (fields !== undefined) writeStrings(writer, json.splice(0, count));
    yield { first, count, payload: writer.bytes() };
  }
}

/** The fields of an item as a page has them. @throws TypeError for what is no object */
export function fieldsJson(value: unknown, i: number): string {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw typeError(`fields[${i}]`, "an object", value);
  return JSON.stringify(value);
}

/** One page opened: what is asked for is decoded then. */
export interface OpenPage {
  readonly id: IdReader;
  item(index: number): Item;
}

/** The fields on a page that has nothing else; each is decoded when it is asked for. @throws FormatError */
export function readFieldPage(where: string, payload: Uint8Array, count: number): (index: number) => ItemFields {
  const reader = new SectionReader(where, payload);
  const json = readStrings(reader, where, "fields", count);
  reader.end();
  return (index) => parseFields(where, json(index), index);
}

export function readItemPage(
  where: string,
  payload: Uint8Array,
  count: number,
  type: IdType,
  hasFields: boolean,
): OpenPage {
  const reader = new SectionReader(where, payload);
  const id: IdReader = readIds(reader, where, count, type);
  const json = hasFields ? readStrings(reader, where, "fields", count) : undefined;
  reader.end();
  const item = (index: number): Item => ({
    id: id(index),
    fields: json === undefined ? undefined : parseFields(where, json(index), index),
  });
  return { id, item };
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
