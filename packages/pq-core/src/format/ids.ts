import { FormatError, InputError, quote, typeError } from "../errors.ts";
import { checkOffsets, type SectionReader, type SectionWriter } from "./bytes.ts";
import { utf8Length, writeUtf8 } from "./utf8.ts";

/** External ids, one per item, unique: strings, or unsigned integers of 32 or 64 bits. */
export type ItemIds = readonly string[] | Uint32Array | BigUint64Array;
/** One external id as a caller names it. */
export type ItemId = string | number | bigint;

export type IdType = "string" | "u32" | "u64";
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** An id as JSON has it: there are no 64-bit integers, so those are text. */
export function jsonId(id: ItemId): string | number {
  return typeof id === "bigint" ? String(id) : id;
}

/** @throws TypeError for what is no list of ids */
export function idTypeOf(ids: ItemIds): IdType {
  if (ids instanceof Uint32Array) return "u32";
  if (ids instanceof BigUint64Array) return "u64";
  if (!Array.isArray(ids)) throw typeError("ids", "a string[], Uint32Array or BigUint64Array", ids);
  return "string";
}

/** Order of ids: numbers by value, strings by code point, which is also the order of their UTF-8 bytes. */
export function compareIds(a: ItemId, b: ItemId): number {
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareCodePoints(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates (U+D800–DFFF) stand for code points above U+FFFF, so they rank behind U+E000–FFFF.
    const isHighX = x >= 0xd800 && x <= 0xdfff;
    const isHighY = y >= 0xd800 && y <= 0xdfff;
    if (isHighX !== isHighY) return isHighX ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

/** What a caller may pass for an id, as the index keeps it; undefined when no item can have it. */
export function normalizeId(id: ItemId, type: IdType): ItemId | undefined {
  if (type === "string") return String(id);
  const text = String(id);
  if (!/^(0|[1-9]\d{0,19})$/.test(text)) return undefined;
  const value = BigInt(text);
  if (type === "u32") return value <= 0xffff_ffffn ? Number(value) : undefined;
  return value <= 0xffff_ffff_ffff_ffffn ? value : undefined;
}

/** The id that a text names in an index; numbers stand without sign, point and leading zeros. @throws InputError */
export function readId(text: string, type: IdType, parameter: string): ItemId {
  const id = normalizeId(text, type);
  if (id === "") throw new InputError(parameter, "expected an id, got none");
  if (id !== undefined) return id;
  const most = type === "u32" ? "4294967295" : "18446744073709551615";
  throw new InputError(
    parameter,
    `expected integers of 0 to ${most}, as the ids of this index are, got ${quote(text)}`,
  );
}

/** Ids as a writer takes them. */
export function toIds(ids: readonly ItemId[], type: IdType): ItemIds {
  if (type === "string") return ids as readonly string[];
  return type === "u32" ? Uint32Array.from(ids as readonly number[]) : BigUint64Array.from(ids as readonly bigint[]);
}

/** Writes ids as a section of a page. */
export function writeIds(writer: SectionWriter, ids: ItemIds): void {
  if (ids instanceof Uint32Array || ids instanceof BigUint64Array) writer.add(ids);
  else writeStrings(writer, ids);
}

/** Random access to the ids of one page. */
export type IdReader = (index: number) => ItemId;

/** Reads the next `count` ids of a page. @throws FormatError */
export function readIds(reader: SectionReader, where: string, count: number, type: IdType): IdReader {
  if (type === "string") return readStrings(reader, where, "ids", count);
  const values = type === "u32" ? reader.u32("ids", count) : reader.u64("ids", count);
  return (index) => values[index]!;
}

/** (n + 1) byte offsets, then the UTF-8 bytes. @param strings well-formed ones */
export function writeStrings(writer: SectionWriter, strings: readonly string[]): void {
  const offsets = new Uint32Array(strings.length + 1);
  for (let i = 0; i < strings.length; i++) offsets[i + 1] = offsets[i]! + utf8Length(strings[i]!);
  const bytes = new Uint8Array(offsets[strings.length]!);
  for (let i = 0; i < strings.length; i++) writeUtf8(strings[i]!, bytes, offsets[i]!, offsets[i + 1]! - offsets[i]!);
  writer.add(offsets);
  writer.add(bytes);
}

/** Reads what `writeStrings` wrote; each is decoded when it is asked for. @throws FormatError */
export function readStrings(
  reader: SectionReader,
  where: string,
  name: string,
  count: number,
): (index: number) => string {
  const offsets = reader.u32(`${name} offsets`, count + 1);
  const bytes = reader.u8(`${name} bytes`, offsets[count]!);
  checkOffsets(where, `${name} offsets`, offsets, bytes.length);
  return (index) => {
    try {
      return decoder.decode(bytes.subarray(offsets[index]!, offsets[index + 1]!));
    } catch (cause) {
      throw new FormatError(where, `"${name}[${index}]" is not UTF-8`, { cause });
    }
  };
}
