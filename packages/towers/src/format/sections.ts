/** Bytes ↔ sections: what every tower's file is made of. Specification: docs/format.md, "Towers". */
import { FormatError } from "@poeem/pq-core";

const ARRAYS = { f32: Float32Array, u32: Uint32Array, i8: Int8Array, u8: Uint8Array } as const;
export type ArrayType = keyof typeof ARRAYS;
const TYPES = Object.keys(ARRAYS) as ArrayType[];
export type SectionArray = Float32Array | Uint32Array | Int8Array | Uint8Array;

/** One part of a tower: small settings as JSON, numbers as arrays. */
export interface Section {
  /** Which kind of input it is, or "layers". */
  readonly kind: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly arrays: readonly SectionArray[];
  /** The first format version whose readers understand it; SECTIONS_VERSION unless given. Not part of the header. */
  readonly since?: number | undefined;
}

interface Header {
  readonly sections: readonly {
    readonly kind: string;
    readonly settings: Readonly<Record<string, unknown>>;
    readonly arrays: readonly (readonly [ArrayType, number])[];
  }[];
}

/** What a file begins with: four letters, and the version that sections came with. */
const PREFIX = 16;
const ALIGNMENT = 16;
const MAX_HEADER = 1 << 24;
const MAX_SECTIONS = 64;
const MAX_LENGTH = 2 ** 31;

/** The first format version whose files are sections. */
export const SECTIONS_VERSION = 4;
/** The first one whose readers know that a tokenizer has a version. */
export const TOKENIZER_VERSIONS_VERSION = 5;
/** The first one whose readers know that a history may have an order. */
export const ORDER_VERSION = 6;
/** The first one whose readers know embeddings. */
export const EMBEDDING_VERSION = 7;
/** The first one whose readers know id rows that items share. */
export const HASHED_VERSION = 8;
const LATEST_VERSION = HASHED_VERSION;

export const align = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** @throws FormatError `where: "name" expected …, got …` */
export function expectThat(ok: boolean, where: string, name: string, expected: string, got: unknown): asserts ok {
  if (!ok) throw new FormatError(where, `"${name}" expected ${expected}, got ${shown(got)}`);
}

/** A value out of a file may be of any size, and an object may refuse to become a string. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : String(value).slice(0, 60);
}

/** @throws FormatError */
export function expectFinite(where: string, array: SectionArray): void {
  const areFinite = !(array instanceof Float32Array) || array.every(Number.isFinite);
  expectThat(areFinite, where, "weights", "finite numbers", "NaN or infinity");
}

/** @throws FormatError unless `value` is an integer from min to max */
export function expectInteger(where: string, name: string, value: unknown, min: number, max: number): void {
  const good = Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
  expectThat(good, where, name, `an integer in ${min}…${max}`, value);
}

/**
 * Serializes sections, little-endian, every array at a multiple of 16.
 * @param magic four ASCII letters
 * @throws FormatError for settings that no reader would take
 */
export function writeSections(magic: string, sections: readonly Section[]): Uint8Array {
  const header: Header = {
    sections: sections.map(({ kind, settings, arrays }) => ({
      kind,
      settings,
      arrays: arrays.map((array) => [typeOf(array), array.length]),
    })),
  };
  const json = new TextEncoder().encode(JSON.stringify(header));
  expectThat(json.length <= MAX_HEADER, magic, "header", `at most ${MAX_HEADER} bytes`, json.length);
  const arrays = sections.flatMap((section) => section.arrays);
  const bytes = new Uint8Array(
    arrays.reduce((offset, { byteLength }) => align(offset + byteLength), align(PREFIX + json.length)),
  );
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(magic));
  // no newer than it must be, so that Workers of the release before read what they can
  view.setUint32(4, Math.max(...sections.map(({ since = SECTIONS_VERSION }) => since)), true);
  view.setUint32(8, json.length, true);
  view.setUint32(12, bytes.length, true);
  bytes.set(json, PREFIX);
  let offset = align(PREFIX + json.length);
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), offset);
    offset = align(offset + byteLength);
  }
  return bytes;
}

/** The first fields of a tower's file: its version, the bytes of its header, where arrays begin. @throws FormatError */
export function readPrefix(where: string, magic: string, bytes: Uint8Array) {
  expectThat(bytes.byteLength >= PREFIX, where, "bytes", `at least ${PREFIX} bytes`, bytes.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = String.fromCharCode(...bytes.subarray(0, 4));
  expectThat(found === magic, where, "magic", magic, JSON.stringify(found));
  const total = view.getUint32(12, true);
  expectThat(total === bytes.byteLength, where, "total length", `${bytes.byteLength} bytes`, total);
  const headerLength = view.getUint32(8, true);
  const most = Math.min(MAX_HEADER, bytes.byteLength - PREFIX);
  expectThat(headerLength <= most, where, "header length", `at most ${most}`, headerLength);
  const end = PREFIX + headerLength;
  return { version: view.getUint32(4, true), header: bytes.subarray(PREFIX, end), start: align(end) };
}

/** The header's JSON, as an object. @throws FormatError */
export function parseHeader(where: string, header: Uint8Array): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(header));
  } catch {
    throw new FormatError(where, '"header" expected JSON, got something else');
  }
  expectThat(typeof parsed === "object" && parsed !== null, where, "header", "an object", parsed);
  return parsed as Record<string, unknown>;
}

/**
 * Reads what `writeSections` wrote.
 * @param asViews the arrays are views of the bytes, where these are aligned; else they are copies
 * @throws FormatError naming the field
 */
export function readSections(where: string, magic: string, bytes: Uint8Array, asViews = false): Section[] {
  const { version, header, start } = readPrefix(where, magic, bytes);
  const isKnown = version >= SECTIONS_VERSION && version <= LATEST_VERSION;
  expectThat(isKnown, where, "format version", `${SECTIONS_VERSION} to ${LATEST_VERSION}`, version);
  const { sections } = parseHeader(where, header) as unknown as Header;
  const isList = Array.isArray(sections) && sections.length <= MAX_SECTIONS;
  expectThat(isList, where, "sections", `a list of at most ${MAX_SECTIONS}`, sections);
  for (const section of sections) checkSection(where, section);
  const next = arrayReader(where, bytes, start, asViews);
  const read = sections.map(({ kind, settings, arrays }) => ({
    kind,
    settings,
    arrays: arrays.map(([type, length]: readonly [ArrayType, number]) => next(type, length)),
  }));
  next.end();
  return read;
}

function checkSection(where: string, section: Header["sections"][number]): void {
  expectThat(typeof section === "object" && section !== null, where, "section", "an object", section);
  const { kind, settings, arrays } = section;
  expectThat(typeof kind === "string", where, "section.kind", "a string", kind);
  const isObject = typeof settings === "object" && settings !== null;
  expectThat(isObject, where, `${kind}.settings`, "an object", settings);
  expectThat(Array.isArray(arrays), where, `${kind}.arrays`, "a list", arrays);
  for (const array of arrays) {
    const isPair = Array.isArray(array) && array.length === 2 && TYPES.includes(array[0]);
    expectThat(isPair, where, `${kind}.arrays`, `pairs of ${TYPES.join(", ")} and a length`, array);
    expectInteger(where, `${kind}.arrays`, array[1], 0, MAX_LENGTH);
  }
}

/** Takes one array after the other from aligned bytes; `end` throws unless all were taken. */
export function arrayReader(where: string, bytes: Uint8Array, start: number, asViews = false) {
  let offset = start;
  const areAligned = asViews && bytes.byteOffset % ALIGNMENT === 0;
  const next = <T extends ArrayType>(type: T, length: number): InstanceType<(typeof ARRAYS)[T]> => {
    const end = offset + length * ARRAYS[type].BYTES_PER_ELEMENT;
    expectThat(end <= bytes.byteLength, where, "bytes", `at least ${end} bytes`, bytes.byteLength);
    // not bytes.slice(): on Node's Buffer that is a view, not a copy
    const own = areAligned ? bytes.subarray(offset, end) : new Uint8Array(bytes.subarray(offset, end));
    offset = align(end);
    const array = new ARRAYS[type](own.buffer as ArrayBuffer, own.byteOffset, length) as InstanceType<
      (typeof ARRAYS)[T]
    >;
    expectFinite(where, array);
    return array;
  };
  next.end = (): void => expectThat(offset === bytes.byteLength, where, "bytes", `${offset} bytes`, bytes.byteLength);
  return next;
}

/** An array of a section, of a type and length. @throws FormatError */
export function arrayOf<T extends ArrayType>(
  where: string,
  { kind, arrays }: Section,
  at: number,
  type: T,
  length?: number,
): InstanceType<(typeof ARRAYS)[T]> {
  const array = arrays[at];
  const good = array !== undefined && typeOf(array) === type && (length === undefined || array.length === length);
  const got = array === undefined ? "nothing" : `${typeOf(array)} of length ${array.length}`;
  expectThat(good, where, `${kind}[${at}]`, `${type}${length === undefined ? "" : ` of length ${length}`}`, got);
  return array as InstanceType<(typeof ARRAYS)[T]>;
}

function typeOf(array: SectionArray): ArrayType {
  return TYPES.find((type) => array instanceof ARRAYS[type])!;
}
