import { FormatError } from "../errors.ts";
import { partition } from "../sorted.ts";
import { ByteWriter } from "./byte-writer.ts";

/** From one skip entry to the next. */
export const POSTINGS_PER_SKIP = 128;
const SKIP_BYTES = 8;
export const MOST_IMPACT = 15;

/** Skip entries of a list: one for each run of 128 postings but the first. */
function countSkips(count: number): number {
  return Math.ceil(count / POSTINGS_PER_SKIP) - 1;
}

/** The fewest bytes that a list can take: a byte for each gap and half of one for each impact. */
export function leastPostingBytes(count: number): number {
  return SKIP_BYTES * countSkips(count) + count + Math.ceil(count / 2);
}

/**
 * Writes a list: skip entries, gaps, impacts.
 *
 * @param ordinals ascending
 * @param impacts 1 to 15, one for each
 */
export function writePostings(writer: ByteWriter, ordinals: Uint32Array, impacts: Uint8Array): void {
  const gaps = new ByteWriter(2 * ordinals.length);
  let before = -1;
  for (let i = 0; i < ordinals.length; i++) {
    gaps.varint(ordinals[i]! - before - 1);
    before = ordinals[i]!;
    if (i === 0 || i % POSTINGS_PER_SKIP !== 0) continue;
    writer.u32(before);
    writer.u32(gaps.length);
  }
  writer.add(gaps.written);
  for (let i = 0; i < impacts.length; i += 2) writer.byte(impacts[i]! | ((impacts[i + 1] ?? 0) << 4));
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
  const skips = countSkips(count);
  const start = SKIP_BYTES * skips;
  const end = bytes.length - Math.ceil(count / 2);
  if (end < start + count) fail(`expected at least ${leastPostingBytes(count)} bytes, got ${bytes.length}`);
  let at = start;
  let ordinal = -1;
  for (let i = 0; i < count; i++) {
    let gap = 0;
    let scale = 1;
    let byte = 128;
    for (; byte > 127; scale *= 128) {
      if (at >= end || scale > 2 ** 28) fail(`expected ${count} gaps within their bytes, got ${i}`);
      byte = bytes[at++]!;
      gap += (byte & 127) * scale;
    }
    ordinal += gap + 1;
    if (ordinal >= numItems) fail(`expected ordinals below ${numItems}, got ${ordinal}`);
    if (i === 0 || i % POSTINGS_PER_SKIP !== 0) continue;
    const entry = SKIP_BYTES * (i / POSTINGS_PER_SKIP - 1);
    if (u32At(bytes, entry) !== ordinal || u32At(bytes, entry + 4) !== at - start)
      fail(`expected skip entry ${ordinal} at ${at - start}, got ${u32At(bytes, entry)} at ${u32At(bytes, entry + 4)}`);
  }
  if (at !== end) fail(`expected ${at - start} bytes of gaps, got ${end - start}`);
  for (let i = 0; i < count; i++) if (impactAt(bytes, end, i) === 0) fail("expected impacts from 1 to 15, got 0");
  if (count % 2 === 1 && bytes[bytes.length - 1]! > 15) fail("expected nothing behind the last impact");
}

/**
 * Decodes a whole list that was checked.
 *
 * @param ordinals (count or more) gets the ordinals, ascending
 * @param impacts (count or more) gets an impact for each
 */
export function decodePostings(bytes: Uint8Array, count: number, ordinals: Uint32Array, impacts: Uint8Array): void {
  decodeGaps(bytes, SKIP_BYTES * countSkips(count), -1, ordinals, 0, count);
  let at = bytes.length - Math.ceil(count / 2);
  for (let i = 0; i < count; i += 2) {
    const two = bytes[at++]!;
    impacts[i] = two & 15;
    if (i + 1 < count) impacts[i + 1] = two >>> 4;
  }
}

/**
 * The impacts of some ordinals in a list that was checked, 0 where one is not in it. Only runs of postings that may
 * hold one of them are decoded.
 *
 * @param wanted ascending
 * @param impacts (wanted.length or more) gets the answer
 */
export function lookUpPostings(bytes: Uint8Array, count: number, wanted: Uint32Array, impacts: Uint8Array): void {
  const skips = countSkips(count);
  const start = SKIP_BYTES * skips;
  const end = bytes.length - Math.ceil(count / 2);
  const run = new Uint32Array(Math.min(count, POSTINGS_PER_SKIP));
  let decoded = -1;
  let length = 0;
  let inRun = 0;
  for (let i = 0; i < wanted.length; i++) {
    const ordinal = wanted[i]!;
    // the run before the first skip entry that begins behind the ordinal, and none that lies before the last one
    let at = Math.max(0, decoded);
    if (at < skips && u32At(bytes, SKIP_BYTES * at) <= ordinal) {
      const from = at;
      at += partition(skips - from, (skip) => u32At(bytes, SKIP_BYTES * (from + skip)) <= ordinal);
    }
    if (at !== decoded) {
      decoded = at;
      inRun = 0;
      length = Math.min(POSTINGS_PER_SKIP, count - at * POSTINGS_PER_SKIP);
      if (at === 0) decodeGaps(bytes, start, -1, run, 0, length);
      else {
        run[0] = u32At(bytes, SKIP_BYTES * (at - 1));
        decodeGaps(bytes, start + u32At(bytes, SKIP_BYTES * (at - 1) + 4), run[0], run, 1, length);
      }
    }
    while (inRun < length && run[inRun]! < ordinal) inRun++;
    const isThere = inRun < length && run[inRun] === ordinal;
    impacts[i] = isThere ? impactAt(bytes, end, at * POSTINGS_PER_SKIP + inRun) : 0;
  }
}

/** Ordinals `from` up to `to` of what the gaps at `start` say, the one before them being `before`. */
function decodeGaps(
  bytes: Uint8Array,
  start: number,
  before: number,
  ordinals: Uint32Array,
  from: number,
  to: number,
): void {
  let at = start;
  let ordinal = before;
  for (let i = from; i < to; i++) {
    let gap = bytes[at++]!;
    if (gap > 127) {
      let byte = bytes[at++]!;
      gap = (gap & 127) | ((byte & 127) << 7);
      for (let scale = 128 * 128; byte > 127; scale *= 128) {
        byte = bytes[at++]!;
        gap += (byte & 127) * scale;
      }
    }
    ordinal += gap + 1;
    ordinals[i] = ordinal;
  }
}

function impactAt(bytes: Uint8Array, start: number, i: number): number {
  return (bytes[start + (i >>> 1)]! >>> (4 * (i & 1))) & 15;
}

function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
