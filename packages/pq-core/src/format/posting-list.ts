import { FormatError } from "../errors.ts";
import { partition } from "../sorted.ts";
import { ByteWriter } from "./byte-writer.ts";

/** From one skip entry to the next. */
const POSTINGS_PER_SKIP = 128;
const SKIP_BYTES = 8;
/** An impact is a whole number from 1 to this: how much of its weight a term has in an item. */
export const MOST_IMPACT = 15;
/** A gap of 2^32 in the bytes of the last posting. */
const MOST_LAST_BYTES = 5;

/** Skip entries of a list: one for each run of 128 postings but the first. */
function countSkips(count: number): number {
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
  let at = SKIP_BYTES * countSkips(count);
  let ordinal = -1;
  for (let i = 0; i < count - 1; i++) {
    let value = bytes[at++]!;
    if (value > 127) {
      let byte = bytes[at++]!;
      value = (value & 127) | ((byte & 127) << 7);
      for (let scale = 128 * 128; byte > 127; scale *= 128) {
        byte = bytes[at++]!;
        value += (byte & 127) * scale;
      }
    }
    const gap = gapOf(value);
    ordinal += gap + 1;
    ordinals[i] = ordinal;
    impacts[i] = value - MOST_IMPACT * gap + 1;
  }
  let value = 0;
  for (let scale = 1; at < bytes.length; scale *= 256) value += bytes[at++]! * scale;
  const gap = gapOf(value);
  ordinals[count - 1] = ordinal + gap + 1;
  impacts[count - 1] = value - MOST_IMPACT * gap + 1;
}

/**
 * The impacts of some ordinals in a list that was checked, 0 where one is not in it. Runs of postings that hold none
 * of them are skipped.
 *
 * @param wanted ascending
 * @param impacts (wanted.length or more) gets the answer
 */
export function lookUpPostings(bytes: Uint8Array, count: number, wanted: Uint32Array, impacts: Uint8Array): void {
  const skips = countSkips(count);
  const start = SKIP_BYTES * skips;
  // The posting that was decoded last, and which one comes next, at which place.
  let ordinal = -1;
  let impact = 0;
  let next = 0;
  let at = start;
  for (let i = 0; i < wanted.length; i++) {
    const want = wanted[i]!;
    // to the last run that may hold the ordinal
    const skip = Math.floor(next / POSTINGS_PER_SKIP);
    if (skip < skips && ordinal < want && u32At(bytes, SKIP_BYTES * skip) < want) {
      const from = skip + 1;
      const to = from + partition(skips - from, (j) => u32At(bytes, SKIP_BYTES * (from + j)) < want);
      next = to * POSTINGS_PER_SKIP;
      ordinal = u32At(bytes, SKIP_BYTES * (to - 1));
      at = start + u32At(bytes, SKIP_BYTES * (to - 1) + 4);
    }
    while (ordinal < want && next < count) {
      let value = 0;
      if (next === count - 1) for (let scale = 1; at < bytes.length; scale *= 256) value += bytes[at++]! * scale;
      else {
        value = bytes[at++]!;
        if (value > 127) {
          let byte = bytes[at++]!;
          value = (value & 127) | ((byte & 127) << 7);
          for (let scale = 128 * 128; byte > 127; scale *= 128) {
            byte = bytes[at++]!;
            value += (byte & 127) * scale;
          }
        }
      }
      const gap = gapOf(value);
      ordinal += gap + 1;
      impact = value - MOST_IMPACT * gap + 1;
      next++;
    }
    impacts[i] = ordinal === want ? impact : 0;
  }
}

/** The whole part of a fifteenth; of most values by a multiplication. */
function gapOf(value: number): number {
  return value < 2 ** 16 ? Math.imul(value, 34_953) >>> 19 : Math.floor(value / MOST_IMPACT);
}

function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
