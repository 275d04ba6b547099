/** Embeddings as they are given: by whom a wrong one is found, in a question as in a row of items. */
import { InputError, MAX_NORM } from "@poeem/pq-core";
import type { EmbeddingReads } from "./input.ts";

/** One vector, or column → vector. */
export type EmbeddingGiven = Float32Array | Readonly<Record<string, Float32Array>>;

const PART = "embedding";

/**
 * What is wrong with a vector, if anything: it reads on after a name.
 * @param length numbers that it has to have; left out: any number
 */
export function embeddingFault(vector: ArrayLike<number>, length = vector.length): string | undefined {
  if (vector.length !== length) return `expected ${length} numbers, got ${vector.length}`;
  let isZero = true;
  for (let i = 0; i < length; i++) {
    const value = vector[i]!;
    if (!Number.isFinite(value)) return `expected finite numbers, got ${value} at ${i + 1}`;
    if (value !== 0) isZero = false;
  }
  return isZero ? "expected a number other than 0, got zeros alone" : undefined;
}

/** The given vectors by their columns. @throws InputError for a column that is not read, and for a wrong vector */
export function vectorsOf(given: EmbeddingGiven, reads: readonly EmbeddingReads[]): ReadonlyMap<string, Float32Array> {
  const names = reads.map(({ name }) => name).join(", ");
  if (given instanceof Float32Array && reads.length > 1)
    throw new InputError(PART, `expected a vector for each of ${names}, got one of no name`);
  const vectors = given instanceof Float32Array ? { [reads[0]!.name]: given } : given;
  for (const [name, vector] of Object.entries(vectors)) {
    const column = reads.find((one) => one.name === name);
    if (!column) throw new InputError(`${PART}.${name}`, `is unknown; the model of this index reads ${names}`);
    const fault = embeddingFault(vector, column.length);
    const of = column.encoder === undefined ? "" : ` (the model of this index reads vectors of ${column.encoder})`;
    if (fault !== undefined) throw new InputError(reads.length > 1 ? `${PART}.${name}` : PART, `${fault}${of}`);
  }
  return new Map(Object.entries(vectors));
}

/** A vector whose length counts, as it is. @throws InputError for one that is too long to be searched by */
export function inRange(vector: Float32Array): Float32Array {
  let squared = 0;
  for (let i = 0; i < vector.length; i++) squared += vector[i]! * vector[i]!;
  const norm = Math.sqrt(squared);
  if (norm <= MAX_NORM) return vector;
  const expected = `expected a vector of a length (norm) of at most ${MAX_NORM}`;
  throw new InputError(PART, `${expected}, got ${norm.toPrecision(3)}`);
}

/** x / ‖x‖ in single precision; what is not zero stays so, however small or large. */
export function unitEmbedding(vector: ArrayLike<number>): Float32Array {
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs(vector[i]!));
  let squared = 0;
  for (let i = 0; i < vector.length; i++) squared += (vector[i]! / largest) ** 2;
  const norm = largest * Math.sqrt(squared);
  const unit = new Float32Array(vector.length);
  for (let i = 0; i < vector.length; i++) unit[i] = vector[i]! / norm;
  return unit;
}
