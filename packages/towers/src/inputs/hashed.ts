import { arrayOf, expectInteger, expectThat, HASHED_VERSION } from "../format/sections.ts";
import { continueHash, fnv1a32, mixBits } from "../text/hash.ts";
import type { InputKind } from "./input.ts";
import { addRow } from "./rows.ts";

/**
 * Id rows of a large catalogue: a table that is smaller than the catalogue, of which each item adds up two rows. Two,
 * because items that share one then seldom share the other too: with n rows two items in n² / 2 have all in common,
 * with one row each two in n.
 *
 * An item that the training did not have reads none: its rows would be those of other items, which say nothing of it.
 * The ids of the training travel as their keys, 8 bytes each, whatever their length.
 */
export interface HashedWeights {
  readonly kind: "hashed";
  /** (n, width) */
  readonly rows: Float32Array;
  /** Keys of the items that the training had. */
  readonly keys: IdKeys;
}

/** An id as two hashes: each says a row, and both together which id it is. */
export type IdKey = readonly [first: number, second: number];

/** Where the second hash starts: another state than FNV's own, so that what is equal in one is not in the other. */
const SECOND_START = 0x9747b28c;
export const MAX_HASHED_ROWS = 1 << 26;

/** The two hashes of an id. FNV-1a leaves the last letters of an id in few bits, so both are mixed. */
export const idKey = (id: string): IdKey => [mixBits(fnv1a32(id)) >>> 0, mixBits(continueHash(SECOND_START, id)) >>> 0];

/** The row that a hash of an id stands for, of a table of n: by its leading bits, so that any n shares alike. */
export const hashedRow = (hash: number, n: number): number => Math.floor((hash / 2 ** 32) * n);

/** A set of ids by their keys, 8 bytes each. An id that is not in it is taken for one that is once in 2^64 / size. */
export class IdKeys {
  /** (size, 2): of each key the second hash and the first, as a u64 has them; ascending as such, none twice. */
  readonly words: Uint32Array;

  /** @param words as another set has them */
  constructor(words: Uint32Array) {
    this.words = words;
  }

  /** @param count of the ids, or more */
  static of(ids: Iterable<string>, count: number): IdKeys {
    const words = new Uint32Array(2 * count);
    let end = 0;
    for (const id of ids) {
      const [first, second] = idKey(id);
      words[end++] = second;
      words[end++] = first;
    }
    const keys = new BigUint64Array(words.buffer, 0, end / 2).sort();
    // two ids that are one key are one to all that read it
    const distinct = keys.filter((key, i) => i === 0 || key !== keys[i - 1]);
    return new IdKeys(new Uint32Array(distinct.buffer));
  }

  get size(): number {
    return this.words.length / 2;
  }

  has(key: IdKey): boolean {
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low < this.size && this.#compare(low, key) === 0;
  }

  /** Whether each key is more than the one before. */
  get ascends(): boolean {
    for (let i = 1; i < this.size; i++)
      if (this.#compare(i - 1, [this.words[2 * i + 1]!, this.words[2 * i]!]) >= 0) return false;
    return true;
  }

  #compare(i: number, [first, second]: IdKey): number {
    return this.words[2 * i + 1]! - first || this.words[2 * i]! - second;
  }
}

export const HASHED: InputKind<HashedWeights, { readonly id: string }> = {
  kind: "hashed",
  pack: ({ rows, keys }) => ({ settings: {}, arrays: [rows, keys.words], since: HASHED_VERSION }),
  unpack(where, section, width) {
    const rows = arrayOf(where, section, 0, "f32");
    expectThat(rows.length % width === 0, where, "hashed.rows", `rows of ${width} numbers`, rows.length);
    expectInteger(where, "hashed.rows", rows.length / width, 1, MAX_HASHED_ROWS);
    const words = arrayOf(where, section, 1, "u32");
    expectThat(words.length % 2 === 0, where, "hashed.keys", "two words each", words.length);
    const keys = new IdKeys(words);
    // a look-up is a binary search: out of order it would miss ids silently
    expectThat(keys.ascends, where, "hashed.keys", "ascending keys", "others");
    return { kind: "hashed", rows, keys };
  },
  facts: ({ rows, keys }) => ({ numbersOfIdRows: rows.length, items: keys.size }),
  open({ rows, keys }, width) {
    const n = rows.length / width;
    return {
      knows: ({ id }) => keys.has(idKey(id)),
      add({ id }, sum) {
        const key = idKey(id);
        if (keys.has(key)) for (const hash of key) addRow(rows, hashedRow(hash, n), 1, sum);
      },
    };
  },
};
