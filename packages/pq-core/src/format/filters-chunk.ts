import { checkEach, checkLength, FormatError, typeError } from "../errors.ts";
import { addTo } from "../group.ts";
import { BLOCK } from "../kernel/blocks.ts";
import { SectionReader, SectionWriter } from "./bytes.ts";

/** Items with one facet value: a bitmap over all items, or the ordinals alone when they are few. */
export type FacetValue = { readonly count: number } & (
  | { readonly bitmap: Uint32Array; readonly ordinals?: undefined }
  | { readonly bitmap?: undefined; readonly ordinals: Uint32Array }
);

export interface FilterColumns {
  /** Facet name → value → items. */
  readonly facets: ReadonlyMap<string, ReadonlyMap<string, FacetValue>>;
  /** Number name → (n); NaN = absent. */
  readonly numbers: ReadonlyMap<string, Float64Array>;
}

/** First section of the payload. [value, count] for each value of each facet, in code point order. */
export interface Directory {
  readonly facets: readonly { readonly name: string; readonly values: readonly (readonly [string, ...number[]])[] }[];
  readonly numbers: readonly string[];
}

/** A list of ordinals is smaller than a bitmap. */
function isSparse(count: number, n: number): boolean {
  return count < Math.ceil(n / BLOCK);
}

/** Name → one value, several or none for each item. */
export type Facets = Readonly<Record<string, readonly (string | readonly string[] | undefined)[]>>;
/** Name → one number for each item; NaN = absent. */
export type Numbers = Readonly<Record<string, ArrayLike<number>>>;

/** @param order (n) input position of each ordinal */
export function writeFilters(facets: Facets, numbers: Numbers, order: Uint32Array): Uint8Array {
  const n = order.length;
  const columns = Object.entries(facets).map(([name, values]) => ({ name, values: invert(name, values, order) }));
  const directory: Directory = {
    facets: columns.map(({ name, values }) => ({
      name,
      values: values.map(([value, { length }]) => [value, length] as const),
    })),
    numbers: Object.keys(numbers),
  };
  const json = new TextEncoder().encode(JSON.stringify(directory));
  const writer = new SectionWriter();
  writer.add(Uint32Array.of(json.length));
  writer.add(json);
  for (const { values } of columns) for (const [, ordinals] of values) addOrdinals(writer, ordinals, n);
  for (const [name, values] of Object.entries(numbers)) {
    checkLength(`numbers.${name}`, values, n);
    writer.add(Float64Array.from(order, (i) => values[i]!));
  }
  return writer.bytes();
}

/** Values of one facet with the ordinals that have them, ascending. */
function invert(name: string, values: Facets[string], order: Uint32Array): [string, number[]][] {
  checkLength(`facets.${name}`, values, order.length);
  const found = new Map<string, number[]>();
  for (let ordinal = 0; ordinal < order.length; ordinal++)
    for (const value of valuesOf(`facets.${name}[${order[ordinal]}]`, values[order[ordinal]!]))
      addTo(found, value, ordinal);
  return inValueOrder(found);
}

/** The values that an item has of a facet, each once. */
export function valuesOf(name: string, own: Facets[string][number]): Iterable<string> {
  const values = new Set(own === undefined ? [] : typeof own === "string" ? [own] : own);
  for (const value of values) if (typeof value !== "string") throw typeError(name, "strings", value);
  return values;
}

/** Values as a directory has them. */
export function inValueOrder<T>(found: ReadonlyMap<string, T>): [string, T][] {
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Those that have a value, of n: a bitmap, or where they are few themselves. */
export function addOrdinals(writer: SectionWriter, ordinals: readonly number[], n: number): void {
  writer.add(isSparse(ordinals.length, n) ? Uint32Array.from(ordinals) : bitmap(ordinals, n));
}

function bitmap(ordinals: readonly number[], n: number): Uint32Array {
  const words = new Uint32Array(Math.ceil(n / BLOCK));
  for (const ordinal of ordinals) words[Math.floor(ordinal / BLOCK)]! |= 1 << (ordinal % BLOCK);
  return words;
}

/** @param n items of the index @throws FormatError */
export function readFilters(payload: Uint8Array, n: number): FilterColumns {
  const where = "filters";
  const reader = new SectionReader(where, payload);
  const directory = parseDirectory(where, reader.u8("directory", reader.u32("directory length", 1)[0]!));
  const facets = new Map<string, ReadonlyMap<string, FacetValue>>();
  for (const { name, values } of directory.facets) {
    const column = new Map<string, FacetValue>();
    for (const [value, count] of values) column.set(value, readOrdinals(reader, where, `${name}=${value}`, count!, n));
    facets.set(name, column);
  }
  const numbers = new Map(directory.numbers.map((name) => [name, reader.f64(name, n)] as const));
  reader.end();
  return { facets, numbers };
}

const FORM = "JSON { facets: [{ name, values: [[value, count]] }], numbers: [name] }";

/** @param counts that follow a value */
export function parseDirectory<D extends Directory = Directory>(where: string, json: Uint8Array, counts = 1): D {
  const isName = (name: unknown): boolean => typeof name === "string";
  const areAll = <T>(values: unknown, isGood: (value: T) => boolean): boolean =>
    Array.isArray(values) && values.every(isGood);
  const isCount = (count: unknown): boolean => Number.isInteger(count) && (count as number) >= 0;
  const isValue = (pair: unknown): boolean =>
    Array.isArray(pair) && isName(pair[0]) && pair.length > counts && pair.slice(1, 1 + counts).every(isCount);
  const isFacet = (facet: { name?: unknown; values?: unknown } | null): boolean =>
    isName(facet?.name) && areAll(facet?.values, isValue);
  try {
    const directory = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(json)) as D;
    if (areAll(directory.facets, isFacet) && areAll(directory.numbers, isName)) return directory;
  } catch {
    // No JSON, or none with members: said below.
  }
  throw new FormatError(where, `"directory" expected ${FORM}`);
}

/** Reads what `addOrdinals` wrote of `count` ordinals below n. @throws FormatError */
export function readOrdinals(reader: SectionReader, where: string, name: string, count: number, n: number): FacetValue {
  if (!isSparse(count, n)) {
    const words = reader.u32(name, Math.ceil(n / BLOCK));
    const spare = n % BLOCK === 0 ? 0 : words.at(-1)! >>> (n % BLOCK);
    if (spare !== 0) throw new FormatError(where, `"${name}" expected no bit from ${n} on`);
    return { count, bitmap: words };
  }
  const ordinals = reader.u32(name, count);
  const isNext = (ordinal: number, i: number): boolean => ordinal < n && (i === 0 || ordinal > ordinals[i - 1]!);
  checkEach(name, ordinals, `ascending ordinals below ${n}`, isNext, where);
  return { count, ordinals };
}
