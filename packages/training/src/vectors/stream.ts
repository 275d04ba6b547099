import { createHash } from "node:crypto";
import type { Random } from "@poeem/indexing-layer";
import type { Database } from "../data/duckdb.ts";
import { readVectors, type VectorColumn } from "../data/vector-columns.ts";

/** Most numbers that are read at a time: 64 MB. */
const SLICE = 1 << 24;

/** A column of item vectors that need not fit into memory, by the numbers of the items. */
export interface VectorStream {
  readonly count: number;
  /** Numbers of each. */
  readonly length: number;
  /** Visits all, some at a time: the items' numbers, and their vectors (items, length), which may be changed. */
  each(visit: (items: Uint32Array, vectors: Float32Array) => Promise<void>): Promise<void>;
}

/** @param rows the row of each item in the column's table */
export function vectorStream(database: Database, column: VectorColumn, rows: Uint32Array): VectorStream {
  const { length } = column;
  const { count } = column.table;
  const numbers = new Uint32Array(count);
  rows.forEach((row, number) => {
    numbers[row] = number;
  });
  const step = Math.max(1, Math.floor(SLICE / length));
  return {
    count,
    length,
    async each(visit) {
      for (let from = 0; from < count; from += step) {
        const to = Math.min(count, from + step);
        await visit(numbers.subarray(from, to), await readVectors(database, column, from, to));
      }
    },
  };
}

/** Some vectors of a stream, and a hash of all. */
export interface Sample {
  /** Numbers of the items, ascending, and their vectors (items.length, length). */
  readonly items: Int32Array;
  readonly vectors: Float32Array;
  /** SHA-256, in hexadecimal; the same for the same rows in another order. */
  readonly hash: string;
}

/** Reads a stream once: vectors drawn at random, each item as likely as any other, or all where they are few. */
export async function sampleStream(
  { count, length, each }: VectorStream,
  most: number,
  random: Random,
): Promise<Sample> {
  const chosen = random.permutation(count).subarray(0, most).sort();
  const placeOf = new Map(Array.from(chosen, (item, place) => [item, place]));
  const vectors = new Float32Array(chosen.length * length);
  // 8 bytes of each vector's own hash: what they come in is no matter
  const hashes = new Uint8Array(count * 8);
  await each(async (items, values) => {
    items.forEach((item, i) => {
      const vector = values.subarray(i * length, (i + 1) * length);
      const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
      hashes.set(createHash("sha256").update(bytes).digest().subarray(0, 8), item * 8);
      const place = placeOf.get(item);
      if (place !== undefined) vectors.set(vector, place * length);
    });
  });
  return { items: chosen, vectors, hash: createHash("sha256").update(`${length}`).update(hashes).digest("hex") };
}
