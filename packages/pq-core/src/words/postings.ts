import { lowerBoundFrom } from "../sorted.ts";

/** Items, ascending, and an impact (1 to 15) for each. */
export interface Decoded {
  readonly ordinals: Uint32Array;
  readonly impacts: Uint8Array;
}

/** Reads postings from the first to the last, a stretch of ordinals at a time. */
export interface Reader {
  /**
   * Reads on; what lies before the stretch is passed over.
   *
   * @param from first ordinal of the stretch
   * @param to behind its last
   * @param ordinals gets the ordinals, ascending; has room for one more than the stretch
   * @param impacts gets an impact for each
   * @returns how many there are
   */
  read(from: number, to: number, ordinals: Uint32Array, impacts: Uint8Array): number;
}

/** The items that have a term; ordinals are those of the catalogue. */
export interface Postings {
  /** How many items have it, removed ones of a base still counted. */
  readonly count: number;
  /**
   * All of them.
   *
   * @param room (count or more) that may be used for them; left out: new arrays
   */
  all(room?: Decoded): Decoded;
  reader(): Reader;
  /** The impacts of some ordinals, which ascend; 0 for one that does not have the term. Skips what lies between. */
  at(ordinals: Uint32Array): Uint8Array;
  /**
   * Sets the bit of each of them in a mask of both parts, as they are stored; of removed ones too.
   *
   * @param blocks of each part the first one in the mask
   */
  mark(bits: Uint32Array, blocks: readonly number[], room: Room): void;
}

/** Reads postings that are decoded already. */
export class DecodedReader implements Reader {
  readonly #all: Decoded;
  #next = 0;

  constructor(all: Decoded) {
    this.#all = all;
  }

  read(from: number, to: number, ordinals: Uint32Array, impacts: Uint8Array): number {
    const all = this.#all;
    const first = lowerBoundFrom(this.#next, all.ordinals, from);
    const end = lowerBoundFrom(first, all.ordinals, to);
    ordinals.set(all.ordinals.subarray(first, end));
    impacts.set(all.impacts.subarray(first, end));
    this.#next = end;
    return end - first;
  }
}

/** Arrays for decoded postings, used again and again. */
export class Room {
  #room = { ordinals: new Uint32Array(0), impacts: new Uint8Array(0) };

  /** @returns room for so many; until the next call */
  of(count: number): Decoded {
    if (this.#room.ordinals.length < count) {
      const size = 2 ** Math.ceil(Math.log2(count));
      this.#room = { ordinals: new Uint32Array(size), impacts: new Uint8Array(size) };
    }
    return this.#room;
  }
}
