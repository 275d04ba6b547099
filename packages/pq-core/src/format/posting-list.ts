import { FormatError } from "../errors.ts";
import { ByteWriter } from "./byte-writer.ts";

/** From one skip entry to the next. */
export const POSTINGS_PER_SKIP = 128;
export const SKIP_BYTES = 8;
/** An impact is a whole number from 1 to this: how much of its weight a term has in an item. */
export const MOST_IMPACT = 15;
/** The same: what is not exported the engine takes for a constant. */
const IMPACTS = MOST_IMPACT;
/** A gap of 2^32 in the bytes of the last posting. */
const MOST_LAST_BYTES = 5;

/** Skip entries of a list: one for each run of 128 postings but the first. */
export function countSkips(count: number): number {
  return Math.ceil(count / POSTINGS_PER_SKIP) - 1;
}

/** Bytes that a list of so many postings has at least. */
export function leastBytes(count: number): number {
  return SKIP_BYTES * countSkips(count) + count;
}

/**
 * Writes a list: skip entries, then a number for each posting, of gap and impact together. The bytes of a list are
 * counted elsewhere: its last number, which of many lists is the only one, needs no bits that say where it ends.
 *
 * @param ordinals ascending
 * @param impacts 1 to 15, one for each
 */
export function writePostings(writer: ByteWriter, ordinals: Uint32Array, impacts: Uint8Array): void {
  const values = new ByteWriter(2 * ordinals.length + MOST_LAST_BYTES);
  const last = ordinals.length - 1;
  let before = -1;
  for (let i = 0; i <= last; i++) {
    if (i > 0 && i % POSTINGS_PER_SKIP === 0) {
      writer.u32(before);
      writer.u32(values.length);
    }
    let value = (ordinals[i]! - before - 1) * MOST_IMPACT + impacts[i]! - 1;
    before = ordinals[i]!;
    if (i < last) values.varint(value);
    else
      do {
        values.byte(value % 256);
        value = Math.floor(value / 256);
      } while (value > 0);
  }
  writer.add(values.written);
}

/**
 * Checks a whole list, once: what reads it afterwards looks at nothing again.
 *
 * @param bytes of the list, no more and no fewer
 * @param numItems ordinals are below it
 */
export function checkPostings(where: string, bytes: Uint8Array, count: number, numItems: number): void {
  const fail = (what: string): never => {
    throw new FormatError(where, `postings: ${what}`);
  };
  const start = SKIP_BYTES * countSkips(count);
  if (bytes.length < leastBytes(count)) fail(`expected at least ${leastBytes(count)} bytes, got ${bytes.length}`);
  let at = start;
  let ordinal = -1;
  for (let i = 0; i < count; i++) {
    if (i > 0 && i % POSTINGS_PER_SKIP === 0) {
      const entry = SKIP_BYTES * (i / POSTINGS_PER_SKIP - 1);
      const [told, place] = [u32At(bytes, entry), u32At(bytes, entry + 4)];
      if (told !== ordinal || place !== at - start)
        fail(`expected skip entry ${ordinal} at ${at - start}, got ${told} at ${place}`);
    }
    let value = 0;
    let scale = 1;
    if (i < count - 1) {
      for (let byte = 128; byte > 127; scale *= 128) {
        if (at >= bytes.length || scale > 2 ** 35) fail(`expected ${count} within ${bytes.length} bytes, got ${i}`);
        byte = bytes[at++]!;
        value += (byte & 127) * scale;
      }
    } else {
      const left = bytes.length - at;
      if (left < 1 || left > MOST_LAST_BYTES) fail(`expected 1 to ${MOST_LAST_BYTES} bytes of the last, got ${left}`);
      for (; at < bytes.length; scale *= 256) value += bytes[at++]! * scale;
    }
    ordinal += gapOf(value) + 1;
    if (ordinal >= numItems) fail(`expected ordinals below ${numItems}, got ${ordinal}`);
  }
}

/**
 * Decodes a whole list that was checked.
 *
 * @param ordinals (count or more) gets the ordinals, ascending
 * @param impacts (count or more) gets an impact for each
 */
export function decodePostings(bytes: Uint8Array, count: number, ordinals: Uint32Array, impacts: Uint8Array): void {
  const last = count - 1;
  const at = readRun(bytes, SKIP_BYTES * countSkips(count), -1, last, 0, ordinals, impacts);
  const { gap, impact } = readLast(bytes, at);
  ordinals[last] = (last > 0 ? ordinals[last - 1]! : -1) + gap + 1;
  impacts[last] = impact;
}

/**
 * Decodes postings, none of them the last of the list.
 *
 * @param at place of the first
 * @param ordinal the one before it
 * @param n how many there are already in the arrays
 * @returns the place behind them
 */
export function readRun(
  bytes: Uint8Array,
  at: number,
  ordinal: number,
  count: number,
  n: number,
  ordinals: Uint32Array,
  impacts: Uint8Array,
): number {
  let next = at;
  let before = ordinal;
  for (let i = n; i < n + count; i++) {
    let value = bytes[next++]!;
    if (value > 127) {
      const byte = bytes[next++]!;
      value = (value & 127) | ((byte & 127) << 7);
      if (byte > 127) {
        const large = value + largeAt(bytes, next);
        while (bytes[next++]! > 127);
        // the impact is left, and what is whole goes at once: below 2^31 both
        value = (large % MOST_IMPACT) | 0;
        before = (before + Math.floor(large / MOST_IMPACT)) | 0;
      }
    }
    const gap = Math.imul(value, 34_953) >>> 19;
    before = (before + gap + 1) | 0;
    ordinals[i] = before;
    impacts[i] = value - Math.imul(gap, IMPACTS) + 1;
  }
  return next;
}

/** Decodes the last posting of a list. @param at where it begins */
export function readLast(bytes: Uint8Array, at: number): { readonly gap: number; readonly impact: number } {
  let value = 0;
  for (let i = at, scale = 1; i < bytes.length; i++, scale *= 256) value += bytes[i]! * scale;
  const gap = gapOf(value);
  return { gap, impact: value - MOST_IMPACT * gap + 1 };
}

/** The rest of a number, from its third byte on. */
function largeAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  let byte = 128;
  for (let scale = 128 * 128, i = at; byte > 127; scale *= 128) {
    byte = bytes[i++]!;
    value += (byte & 127) * scale;
  }
  return value;
}

/** The whole part of a fifteenth; of most values by a multiplication. */
export function gapOf(value: number): number {
  return value < 2 ** 16 ? Math.imul(value, 34_953) >>> 19 : Math.floor(value / MOST_IMPACT);
}

export function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
