import { lowerBoundFrom, partition } from "../sorted.ts";
import {
  countSkips,
  gapOf,
  MOST_IMPACT,
  POSTINGS_PER_SKIP,
  readLast,
  readRun,
  SKIP_BYTES,
  u32At,
} from "./posting-list.ts";

/** Where postings of a list are: of every 32nd but the first the ordinal before it, and its place in the list. */
export interface Marks {
  readonly ordinals: Uint32Array;
  readonly places: Uint32Array;
}

const POSTINGS_PER_MARK = 32;
/** A list of fewer is gone through as soon as it is looked up in. */
const MIN_MARKED = 256;
const NO_MARKS: Marks = { ordinals: new Uint32Array(0), places: new Uint32Array(0) };

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
   * @param ordinals gets the ordinals, ascending; has room for one more than the stretch, or for the list
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
      const { gap, impact } = readLast(bytes, at);
      const found = ordinal + gap + 1;
      if (found < to) next++;
      if (found >= from && found < to) {
        ordinals[n] = found;
        impacts[n++] = impact;
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

/**
 * Marks of a long list that was checked, for `lookUpPostings`: a quarter of a byte for a posting, for a third of the
 * time. Undefined for a short one.
 */
export function marksOf(bytes: Uint8Array, count: number): Marks | undefined {
  if (count < MIN_MARKED) return undefined;
  const numMarks = Math.ceil(count / POSTINGS_PER_MARK) - 1;
  const marks = { ordinals: new Uint32Array(numMarks), places: new Uint32Array(numMarks) };
  const ordinals = new Uint32Array(POSTINGS_PER_MARK);
  const impacts = new Uint8Array(POSTINGS_PER_MARK);
  for (let m = 0, at = SKIP_BYTES * countSkips(count), ordinal = -1; m < numMarks; m++) {
    at = readRun(bytes, at, ordinal, POSTINGS_PER_MARK, 0, ordinals, impacts);
    ordinal = ordinals[POSTINGS_PER_MARK - 1]!;
    marks.ordinals[m] = ordinal;
    marks.places[m] = at;
  }
  return marks;
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
