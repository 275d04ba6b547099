import { check, checkEach, FormatError, rangeError } from "../errors.ts";
import { BLOCK } from "../kernel/blocks.ts";
import { lowerBound } from "../sorted.ts";
import { SectionReader, SectionWriter } from "./bytes.ts";
import {
  addOrdinals,
  type Directory,
  type FacetValue,
  type FilterColumns,
  parseDirectory,
  readOrdinals,
  valuesOf,
} from "./filters-chunk.ts";

/** Facets and numbers of a run of items in list order: of each facet and each number a value for each item. */
export interface FilterRows {
  readonly facets: readonly ArrayLike<string | readonly string[] | undefined>[];
  readonly numbers: readonly ArrayLike<number>[];
}

/** What all items of an index have together, known before the first page is written. */
export interface FilterNames {
  /** Values in any order, with how many items have each. */
  readonly facets: readonly { readonly name: string; readonly counts: ReadonlyMap<string, number> }[];
  readonly numbers: readonly string[];
}

/** Values that are written as JSON at a time. */
const JSON_PART = 10_000;

/** The pages that have each value of a facet: of each a chain from its last page back, 8 bytes a link. */
class PagesOfValues {
  /** (values) */
  readonly counts: Uint32Array;
  /** (values) Where the chain of each begins. */
  readonly #last: Uint32Array;
  /** A page and the link before it, for each link. */
  #links = new Uint32Array(1024);
  #numLinks = 0;

  constructor(numValues: number) {
    this.counts = new Uint32Array(numValues);
    this.#last = new Uint32Array(numValues);
  }

  /** Pages come in their order. */
  add(value: number, page: number): void {
    const at = 2 * this.#numLinks;
    if (at === this.#links.length) {
      const longer = new Uint32Array(this.#links.length * 2);
      longer.set(this.#links);
      this.#links = longer;
    }
    this.#links[at] = page;
    this.#links[at + 1] = this.#last[value]!;
    this.#last[value] = this.#numLinks++;
    this.counts[value]!++;
  }

  /** What `addOrdinals` would add for one value after the other, of n pages. */
  sections(n: number): Uint32Array {
    const most = Math.ceil(n / BLOCK);
    const all = new Uint32Array(sectionBytes(this.counts, n) / ORDINAL_BYTES);
    for (let value = 0, at = 0; value < this.counts.length; value++) {
      const count = this.counts[value]!;
      for (let left = count, link = this.#last[value]!; left > 0; left--) {
        const page = this.#links[2 * link]!;
        if (count < most) all[at + left - 1] = page;
        else all[at + (page >>> 5)]! |= 1 << (page & 31);
        link = this.#links[2 * link + 1]!;
      }
      at += Math.ceil(Math.min(count, most) / UNIT) * UNIT;
    }
    return all;
  }
}

/** Writes the filters of an index as pages, and then what is known of all of them. */
export class FilterPagesWriter {
  readonly #names: FilterNames;
  /** Facet → its values in order; and how many items have each. */
  readonly #values: readonly (readonly string[])[];
  readonly #counts: readonly Uint32Array[];
  readonly #numberOf: readonly ReadonlyMap<string, number>[];
  /** Of each facet. */
  readonly #pages: readonly PagesOfValues[];
  readonly #least: number[][];
  readonly #most: number[][];
  #count = 0;

  constructor(names: FilterNames) {
    this.#names = names;
    this.#values = names.facets.map(({ counts }) => [...counts.keys()].sort((a, b) => (a < b ? -1 : 1)));
    this.#counts = this.#values.map((values, f) =>
      Uint32Array.from(values, (value) => names.facets[f]!.counts.get(value)!),
    );
    this.#numberOf = this.#values.map((values) => new Map(values.map((value, number) => [value, number])));
    this.#pages = this.#values.map((values) => new PagesOfValues(values.length));
    this.#least = names.numbers.map(() => []);
    this.#most = names.numbers.map(() => []);
  }

  /** The next page: items from the ordinal `first` on. */
  page(first: number, count: number, { facets, numbers }: FilterRows): Uint8Array {
    const lead = first % BLOCK;
    const n = lead + count;
    const writer = new SectionWriter();
    for (const [f, { name }] of this.#names.facets.entries()) {
      const found = new Map<number, number[]>();
      for (let i = 0; i < count; i++) {
        for (const value of valuesOf(`facets.${name}`, facets[f]![i])) {
          const number = this.#numberOf[f]!.get(value);
          if (number === undefined) throw rangeError(`facets.${name}`, "a value that was counted", value);
          const lanes = found.get(number);
          if (lanes === undefined) found.set(number, [lead + i]);
          else lanes.push(lead + i);
        }
      }
      const present = [...found].sort(([a], [b]) => a - b);
      writer.add(Uint32Array.of(present.length));
      writer.add(Uint32Array.from(present, ([number]) => number));
      writer.add(Uint32Array.from(present, ([, lanes]) => lanes.length));
      for (const [number, lanes] of present) {
        addOrdinals(writer, lanes, n);
        this.#pages[f]!.add(number, this.#count);
      }
    }
    for (const [j, values] of numbers.entries()) {
      const own = new Float64Array(n).fill(Number.NaN);
      let least = Number.NaN;
      let most = Number.NaN;
      for (let i = 0; i < count; i++) {
        const value = values[i]!;
        own[lead + i] = value;
        if (!(value >= least)) least = Number.isNaN(value) ? least : value;
        if (!(value <= most)) most = Number.isNaN(value) ? most : value;
      }
      writer.add(own);
      this.#least[j]!.push(least);
      this.#most[j]!.push(most);
    }
    this.#count++;
    return writer.bytes();
  }

  /** Which pages have which values. */
  directory(): Uint8Array {
    const facets = this.#names.facets.map(({ name }, f) => {
      const { counts } = this.#pages[f]!;
      const values = this.#values[f]!;
      // some at a time: there may be millions
      const parts: string[] = [];
      for (let from = 0; from < values.length; from += JSON_PART) {
        const part = values.slice(from, from + JSON_PART);
        const rows = part.map((value, i) => [value, this.#counts[f]![from + i], counts[from + i]]);
        parts.push(JSON.stringify(rows).slice(1, -1));
      }
      return `{"name":${JSON.stringify(name)},"values":[${parts.join()}]}`;
    });
    const json = new TextEncoder().encode(
      `{"facets":[${facets.join()}],"numbers":${JSON.stringify(this.#names.numbers)}}`,
    );
    const writer = new SectionWriter();
    writer.add(Uint32Array.of(json.length, this.#count));
    writer.add(json);
    for (const pages of this.#pages) if (pages.counts.length > 0) writer.add(pages.sections(this.#count));
    for (const [j] of this.#names.numbers.entries()) {
      writer.add(Float64Array.from(this.#least[j]!));
      writer.add(Float64Array.from(this.#most[j]!));
    }
    return writer.bytes();
  }
}

/** Which pages have items with one facet value, and the value's place among those of its facet. */
export type ValuePages = FacetValue & { readonly place: number };

/** What an index says of all its filters without a look at a page. */
export interface FilterDirectory {
  readonly numPages: number;
  /** Facet name → value → how many items have it, and which pages have such items. */
  readonly facets: ReadonlyMap<string, ReadonlyMap<string, ValuePages>>;
  /** Facet name → its values by their places. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  /** Number name → (pages) smallest and largest of each page; NaN = none. */
  readonly numbers: ReadonlyMap<string, { readonly least: Float64Array; readonly most: Float64Array }>;
}

/** What is to be read of a page. */
export interface WantedColumns {
  /** Facet name → places of its values, ascending. */
  readonly facets: ReadonlyMap<string, Uint32Array>;
  readonly numbers: ReadonlySet<string>;
}

/** @param numPages that tables list @throws FormatError */
export function readFilterDirectory(payload: Uint8Array, n: number, numPages: number): FilterDirectory {
  const where = "filters";
  const reader = new SectionReader(where, payload);
  const [length, pages] = reader.u32("directory length", 2) as unknown as [number, number];
  check(pages === numPages, "filter pages", numPages, pages, where);
  const directory = parseDirectory<Directory>(where, reader.u8("directory", length), 2);
  const facets = new Map<string, ReadonlyMap<string, ValuePages>>();
  for (const { name, values } of directory.facets) {
    const column = new Map<string, ValuePages>();
    for (const [place, [value, count, pages]] of values.entries()) {
      if (count! > n || pages! > numPages)
        throw new FormatError(where, `"${name}=${value}" counts more than there are`);
      if (column.has(value)) throw new FormatError(where, `"${name}=${value}" is there twice`);
      column.set(value, { ...readOrdinals(reader, where, `${name}=${value}`, pages!, numPages), count: count!, place });
    }
    facets.set(name, column);
  }
  const values = new Map(Array.from(facets, ([name, column]) => [name, [...column.keys()]] as const));
  const numbers = new Map(
    directory.numbers.map((name) => {
      const least = reader.f64(name, numPages);
      return [name, { least, most: reader.f64(name, numPages) }] as const;
    }),
  );
  reader.end();
  return { numPages, facets, values, numbers };
}

/**
 * Columns of a page, by lanes: lane 0 is the first ordinal of the block of 32 in which `first` lies. What is not wanted
 * is passed over by its length: it takes a step for each value that the page has, and no memory.
 *
 * @param wanted left out: all
 * @throws FormatError
 */
export function readFilterPage(
  where: string,
  payload: Uint8Array,
  { values, numbers }: FilterDirectory,
  first: number,
  count: number,
  wanted?: WantedColumns,
): FilterColumns {
  const n = (first % BLOCK) + count;
  const reader = new SectionReader(where, payload);
  const columns = new Map<string, ReadonlyMap<string, FacetValue>>();
  for (const [name, known] of values) {
    const places = wanted === undefined ? undefined : (wanted.facets.get(name) ?? NO_PLACES);
    const column = readFacet(reader, where, name, known, n, places);
    if (places !== NO_PLACES) columns.set(name, column);
  }
  const own = new Map<string, Float64Array>();
  for (const name of numbers.keys()) {
    const column = reader.f64(name, n);
    if (wanted?.numbers.has(name) ?? true) own.set(name, column);
  }
  reader.end();
  return { facets: columns, numbers: own };
}

const NO_PLACES = new Uint32Array(0);

/** @param places of the values that are wanted, ascending; left out: all */
function readFacet(
  reader: SectionReader,
  where: string,
  name: string,
  values: readonly string[],
  n: number,
  places: Uint32Array | undefined,
): Map<string, FacetValue> {
  const length = reader.u32(`${name} values`, 1)[0]!;
  const present = reader.u32(`${name} numbers`, length);
  const counts = reader.u32(`${name} counts`, length);
  const column = new Map<string, FacetValue>();
  if (places !== NO_PLACES) {
    const isNext = (number: number, i: number): boolean =>
      number < values.length && (i === 0 || number > present[i - 1]!);
    checkEach(`${name} numbers`, present, `ascending and below ${values.length}`, isNext, where);
  }
  let at = 0;
  const passTo = (end: number): void => {
    reader.skip(name, sectionBytes(counts.subarray(at, end), n));
    at = end;
  };
  const read = (i: number): void => {
    passTo(i);
    at = i + 1;
    const value = values[present[i]!]!;
    column.set(value, readOrdinals(reader, where, `${name}=${value}`, counts[i]!, n));
  };
  if (places === undefined) for (let i = 0; i < length; i++) read(i);
  else
    for (const place of places) {
      const i = lowerBound(present, place);
      if (present[i] === place) read(i);
    }
  passTo(length);
  return column;
}

/**
 * Tells of each value of a page how many of some items have it, where any has.
 *
 * @param lanes bit j of word i: whether lane 32·i + j is one of them
 * @throws FormatError
 */
export function countFilterPage(
  where: string,
  payload: Uint8Array,
  { values }: FilterDirectory,
  first: number,
  count: number,
  lanes: Uint32Array,
  add: (facet: string, value: string, count: number) => void,
): void {
  const n = (first % BLOCK) + count;
  const most = Math.ceil(n / BLOCK);
  const reader = new SectionReader(where, payload);
  for (const [name, known] of values) {
    const length = reader.u32(`${name} values`, 1)[0]!;
    const present = reader.u32(`${name} numbers`, length);
    const counts = reader.u32(`${name} counts`, length);
    // one view of all of them: values can be as many as items
    const words = reader.u32(name, sectionBytes(counts, n) / ORDINAL_BYTES);
    for (let i = 0, at = 0; i < length; i++) {
      const own = Math.min(counts[i]!, most);
      let found = 0;
      if (own === most) for (let j = 0; j < own; j++) found += countBits(words[at + j]! & lanes[j]!);
      else
        for (let j = 0; j < own; j++) {
          const lane = words[at + j]!;
          found += (lanes[lane >>> 5]! >>> (lane & 31)) & 1;
        }
      if (found > 0) {
        const value = known[present[i]!];
        if (value === undefined) throw new FormatError(where, `"${name}" has no value ${present[i]}`);
        add(name, value, found);
      }
      at += Math.ceil(own / UNIT) * UNIT;
    }
  }
}

function countBits(word: number): number {
  let count = 0;
  for (let bits = word; bits !== 0; bits &= bits - 1) count++;
  return count;
}

/** Bytes of the sections of values with so many items each, with what aligns those behind the first. */
function sectionBytes(counts: Uint32Array, n: number): number {
  // All values of a page come by here: whole numbers take a fifth of the time that `align` would.
  const most = Math.ceil(n / BLOCK);
  let units = 0;
  let ordinals = 0;
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i]!;
    ordinals = Math.min(count, most);
    units += (ordinals + UNIT - 1) >>> UNIT_BITS;
  }
  const missing = (UNIT - (ordinals % UNIT)) % UNIT;
  return (units * UNIT - missing) * ORDINAL_BYTES;
}

const ORDINAL_BYTES = Uint32Array.BYTES_PER_ELEMENT;
const UNIT_BITS = 2;
/** Ordinals between two places at which a section can begin. */
const UNIT = 1 << UNIT_BITS;
