import { FormatError } from "../errors.ts";
import { lowerBoundFrom, partition } from "../sorted.ts";
import { ByteWriter } from "./byte-writer.ts";

/** From one skip entry to the next. */
const POSTINGS_PER_SKIP = 128;
const SKIP_BYTES = 8;
/** An impact is a whole number from 1 to this: how much of its weight a term has in an item. */
export const MOST_IMPACT = 15;
/** The same: what is not exported the engine takes for a constant. */
const IMPACTS = MOST_IMPACT;
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

/** Where postings of a list are: of every 32nd but the first the ordinal before it, and its place in the list. */
export interface Marks {
  readonly ordinals: Uint32Array;
  readonly places: Uint32Array;
}

const POSTINGS_PER_MARK = 32;
const NO_MARKS: Marks = { ordinals: new Uint32Array(0), places: new Uint32Array(0) };
/** A list of fewer is gone through as soon as it is looked up in. */
const MIN_MARKED = 256;

/**
 * Checks a whole list, once: what reads it afterwards looks at nothing again.
 *
 * @param bytes of the list, no more and no fewer
 * @param numItems ordinals are below it
 * @returns marks of a long list, for `lookUpPostings`: a quarter of a byte for a posting, for a third of the time
 */
export function checkPostings(where: string, bytes: Uint8Array, count: number, numItems: number): Marks | undefined {
  const numMarks = count < MIN_MARKED ? 0 : Math.ceil(count / POSTINGS_PER_MARK) - 1;
  const marks = { ordinals: new Uint32Array(numMarks), places: new Uint32Array(numMarks) };
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
    if (i > 0 && numMarks > 0 && i % POSTINGS_PER_MARK === 0) {
      marks.ordinals[i / POSTINGS_PER_MARK - 1] = ordinal;
      marks.places[i / POSTINGS_PER_MARK - 1] = at;
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
  return numMarks > 0 ? marks : undefined;
}

/** Reads a list that was checked from its beginning to its end, a stretch of ordinals at a time. */
export class PostingReader {
  readonly #bytes: Uint8Array;
  readonly #count: number;
  /** The posting that was read last; which one comes next, at which place. */
  #ordinal = -1;
  #next = 0;
  #at: number;

  constructor(bytes: Uint8Array, count: number) {
    this.#bytes = bytes;
    this.#count = count;
    this.#at = SKIP_BYTES * countSkips(count);
  }

  /**
   * Reads on: what lies before the stretch is passed over, and can be read no more.
   *
   * @param from first ordinal of the stretch
   * @param to behind its last
   * @param ordinals gets the ordinals, ascending; has room for the stretch or for the list
   * @param impacts gets an impact for each
   * @returns how many there are
   */
  read(from: number, to: number, ordinals: Uint32Array, impacts: Uint8Array): number {
    const bytes = this.#bytes;
    const last = this.#count - 1;
    this.#skipTo(from);
    let ordinal = this.#ordinal;
    let next = this.#next;
    let at = this.#at;
    let n = 0;
    const skips = countSkips(this.#count);
    while (next < last) {
      const run = Math.floor(next / POSTINGS_PER_SKIP);
      const isWhole = run < skips && ordinal >= from - 1 && u32At(bytes, SKIP_BYTES * run) < to;
      if (isWhole) {
        const more = (run + 1) * POSTINGS_PER_SKIP - next;
        at = readRun(bytes, at, ordinal, more, n, ordinals, impacts);
        n += more;
        next += more;
        ordinal = ordinals[n - 1]!;
        continue;
      }
      const before = ordinal;
      const end = readRun(bytes, at, ordinal, 1, n, ordinals, impacts);
      ordinal = ordinals[n]!;
      if (ordinal >= to) {
        ordinal = before;
        break;
      }
      at = end;
      next++;
      if (ordinal >= from) n++;
    }
    if (next === last) {
      let value = 0;
      for (let i = at, scale = 1; i < bytes.length; i++, scale *= 256) value += bytes[i]! * scale;
      const gap = gapOf(value);
      const found = ordinal + gap + 1;
      if (found < to) next++;
      if (found >= from && found < to) {
        ordinals[n] = found;
        impacts[n++] = value - MOST_IMPACT * gap + 1;
      }
    }
    this.#ordinal = ordinal;
    this.#next = next;
    this.#at = at;
    return n;
  }

  /** To the last run that may hold the ordinal, where that is further on. */
  #skipTo(ordinal: number): void {
    const skips = countSkips(this.#count);
    const skip = Math.floor(this.#next / POSTINGS_PER_SKIP);
    if (skip >= skips || u32At(this.#bytes, SKIP_BYTES * skip) >= ordinal) return;
    const after = partition(skips - skip - 1, (j) => u32At(this.#bytes, SKIP_BYTES * (skip + 1 + j)) < ordinal);
    const run = skip + 1 + after;
    this.#next = run * POSTINGS_PER_SKIP;
    this.#ordinal = u32At(this.#bytes, SKIP_BYTES * (run - 1));
    this.#at = SKIP_BYTES * skips + u32At(this.#bytes, SKIP_BYTES * (run - 1) + 4);
  }
}

/** Decodes a whole list that was checked. See `PostingReader.read`. */
export function decodePostings(bytes: Uint8Array, count: number, ordinals: Uint32Array, impacts: Uint8Array): void {
  new PostingReader(bytes, count).read(0, 2 ** 32, ordinals, impacts);
}

/**
 * The impacts of some ordinals in a list that was checked, 0 where one is not in it. Runs of postings that hold none
 * of them are skipped.
 *
 * @param wanted ascending
 * @param impacts (wanted.length or more) gets the answer
 * @param marks of the list, if it has any
 */
export function lookUpPostings(
  bytes: Uint8Array,
  count: number,
  wanted: Uint32Array,
  impacts: Uint8Array,
  marks: Marks = NO_MARKS,
): void {
  // The posting that was decoded last, and which one comes next, at which place.
  let ordinal = -1;
  let impact = 0;
  let next = 0;
  let at = SKIP_BYTES * countSkips(count);
  let mark = 0;
  for (let i = 0; i < wanted.length; i++) {
    const want = wanted[i]!;
    // to the last run that may hold the ordinal
    mark = lowerBoundFrom(mark, marks.ordinals, want);
    if (mark * POSTINGS_PER_MARK > next) {
      next = mark * POSTINGS_PER_MARK;
      ordinal = marks.ordinals[mark - 1]!;
      at = marks.places[mark - 1]!;
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

/**
 * Decodes postings, none of them the last of the list.
 *
 * @param at place of the first
 * @param ordinal the one before it
 * @param n how many there are already in the arrays
 * @returns the place behind them
 */
function readRun(
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
function gapOf(value: number): number {
  return value < 2 ** 16 ? Math.imul(value, 34_953) >>> 19 : Math.floor(value / MOST_IMPACT);
}

function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
