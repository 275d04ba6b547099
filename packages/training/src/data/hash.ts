import { createHash, type Hash } from "node:crypto";
import { mixBits } from "@poeem/towers";
import type { Texts } from "./text-list.ts";
import type { EventTable, ItemTable, QueryVectors, Vectors } from "./types.ts";

/** SHA-256, in hexadecimal, of what was read. */
export interface DataHashes {
  readonly items: string;
  readonly events: string;
  /** The same for the same events in another order. */
  readonly eventsInAnyOrder: string;
  /** Of `data.queries`, where there is one. */
  readonly queries?: string;
}

export function hashesOf(ids: Texts, items: ItemTable, events: EventTable, queries?: QueryVectors): DataHashes {
  const values = new Map([...events.columns].map(([name, column]) => [name, hashValues(column.values)]));
  return {
    items: hashItems(ids, items),
    events: hashEvents(events, values, (hash, column) => hash.update(bytesOf(column))),
    eventsInAnyOrder: hashEvents(events, values, () => undefined, sumOfEvents(events)),
    ...(queries && { queries: hashQueries(queries) }),
  };
}

/** One hash for all. */
export const hashOf = (hashes: DataHashes): string => createHash("sha256").update(JSON.stringify(hashes)).digest("hex");

/**
 * In which SQL to look when data are not what they were; undefined when they are.
 * @param from what the SQL of the events is called
 */
export function dataDifference(
  before: DataHashes | undefined,
  now: DataHashes,
  from = "data.events",
): string | undefined {
  if (before === undefined) return "they were read by an earlier version of poeem";
  if (before.items !== now.items) return "data.items gives other rows";
  if (before.queries !== now.queries) return "data.queries gives other rows";
  if (before.events === now.events) return undefined;
  return before.eventsInAnyOrder === now.eventsInAnyOrder
    ? `${from} gives the same rows in another order, and an ORDER BY in it would settle that`
    : `${from} gives other rows`;
}

function hashItems(ids: Texts, items: ItemTable): string {
  const hash = createHash("sha256");
  addValues(hash, "ids", ids);
  for (const [name, values] of items.texts) addValues(hash, `item ${name}`, values);
  for (const [name, values] of items.numbers) hash.update(`number ${name}`).update(bytesOf(values));
  addVectors(hash, items.vectors);
  return hash.update(JSON.stringify([...items.fields])).digest("hex");
}

function hashQueries({ rowOf, columns }: QueryVectors): string {
  const hash = createHash("sha256");
  addValues(hash, "queries", [...rowOf.keys()]);
  addVectors(hash, columns);
  return hash.digest("hex");
}

function addVectors(hash: Hash, columns: ReadonlyMap<string, Vectors>): void {
  for (const [name, { length, values }] of columns) hash.update(`vector ${name} ${length}`).update(bytesOf(values));
}

/** @param values the hash of the values of each column */
function hashEvents(
  { item, columns, time, weight }: EventTable,
  values: ReadonlyMap<string, string>,
  addRows: (hash: Hash, column: Uint32Array | Float64Array) => void,
  more = "",
): string {
  const hash = createHash("sha256").update(more);
  addRows(hash, item);
  for (const [name, { numbers }] of columns) {
    hash.update(`event ${name} ${values.get(name)}`);
    addRows(hash, numbers);
  }
  if (time) addRows(hash.update("time"), time);
  if (weight) addRows(hash.update("weight"), weight);
  return hash.digest("hex");
}

function hashValues(values: readonly string[]): string {
  const hash = createHash("sha256");
  addValues(hash, "values", values);
  return hash.digest("hex");
}

/** A sum over the events, each mixed to 32 bits, twice: the order of the events does not show in it. */
function sumOfEvents({ count, item, columns, time, weight }: EventTable): string {
  const doubles = [time, weight]
    .filter((column) => column !== undefined)
    .map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, 2 * length));
  const numbers = [item, ...[...columns.values()].map((column) => column.numbers)];
  let [one, two] = [0, 0];
  for (let event = 0; event < count; event++) {
    let mixed = 0x9e3779b9;
    for (const column of numbers) mixed = mixBits(mixed ^ column[event]!);
    for (const halves of doubles) mixed = mixBits(mixBits(mixed ^ halves[2 * event]!) ^ halves[2 * event + 1]!);
    one = (one + mixed) >>> 0;
    two = (two + mixBits(mixed + 0x85ebca6b)) >>> 0;
  }
  return `${count} ${one} ${two}`;
}

function addValues(hash: Hash, name: string, values: Pick<readonly unknown[], "length" | "at">): void {
  hash.update(`${name} ${values.length}\n`);
  // a line at a time is slow, all lines at once may be longer than a string can be
  for (let start = 0; start < values.length; start += 1000) {
    const length = Math.min(1000, values.length - start);
    hash.update(JSON.stringify(Array.from({ length }, (_, i) => values.at(start + i))));
  }
}

function bytesOf(array: Uint32Array | Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
