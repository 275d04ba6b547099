import { nameFault } from "@poeem/pq-core";
import { arrayOf, EMBEDDING_VERSION, expectInteger, expectThat, type Section } from "../format/sections.ts";
import { quantizeRows } from "../text/embedding-bag.ts";
import { type EmbeddingGiven, inRange, unitEmbedding, vectorsOf } from "./given-embedding.ts";
import type { EmbeddingReads, InputKind } from "./input.ts";

/** Vectors that were made elsewhere, of text or of images, say: the sum of what a linear map makes of each column. */
export interface EmbeddingWeights {
  readonly kind: "embedding";
  readonly columns: readonly EmbeddingColumn[];
}

export interface EmbeddingColumn extends EmbeddingReads {
  /** Whether a vector is scaled to length 1 before it is mapped; default true. */
  readonly unit?: boolean | undefined;
  /** Undefined for the identity: the tower's sum is as wide as the vector, then. */
  readonly map: EmbeddingMap | undefined;
}

/** x ↦ bias + Σ_i x_i · scales_i · values_i */
export interface EmbeddingMap {
  /** (length, width) */
  readonly values: Float32Array | Int8Array;
  /** (length), of int8 values only. */
  readonly scales?: Float32Array | undefined;
  /** (width) */
  readonly bias: Float32Array;
}

export interface WithEmbedding {
  /** The vector itself where the tower takes one column, or column → vector. A column left out counts for nothing. */
  readonly embedding?: EmbeddingGiven | undefined;
}

/** Most numbers of a vector that any tower takes. */
export const MAX_EMBEDDING = 4096;
const MAX_COLUMNS = 16;
const MAX_ENCODER = 200;
/** Most numbers of a map that travels in floats: a quarter of them as int8 is little to save. */
const MAX_FLOATS = 1 << 14;
/** Arrays of a map by its form. */
const ARRAYS: ReadonlyMap<unknown, number> = new Map([
  ["identity", 0],
  ["f32", 2],
  ["i8", 3],
]);

export const EMBEDDING: InputKind<EmbeddingWeights, WithEmbedding> = {
  kind: "embedding",
  part: "embedding",
  pack: ({ columns }) => ({
    settings: {
      columns: columns.map(({ name, encoder, length, unit, map }) => ({
        ...{ name, ...(encoder !== undefined && { encoder }), length },
        ...(unit === false && { unit }),
        map: !map ? "identity" : map.scales ? "i8" : "f32",
      })),
    },
    arrays: columns.flatMap(({ map }) => (map ? [map.values, ...(map.scales ? [map.scales] : []), map.bias] : [])),
    since: EMBEDDING_VERSION,
  }),
  unpack(where, section, width) {
    const { columns } = section.settings;
    const isList = Array.isArray(columns) && columns.length > 0 && columns.length <= MAX_COLUMNS;
    expectThat(isList, where, "embedding.columns", `1 to ${MAX_COLUMNS} columns`, columns);
    let at = 0;
    const read = columns.map((column): EmbeddingColumn => {
      const { arrays, ...settings } = readColumn(where, column, width);
      const start = at;
      at += arrays;
      return {
        ...settings,
        map: arrays === 0 ? undefined : readMap(where, section, start, arrays === 3, column, width),
      };
    });
    const names = new Set(read.map(({ name }) => name));
    expectThat(names.size === read.length, where, "embedding.columns", "different names", "a name twice");
    return { kind: "embedding", columns: read };
  },
  facts: ({ columns }) => ({
    embeddings: columns.map(
      ({ name, encoder, length }) => `${name}: ${length} numbers${encoder === undefined ? "" : ` of ${encoder}`}`,
    ),
  }),
  open({ columns }) {
    const reads = columns.map(({ name, encoder, length }) => ({ name, encoder, length }));
    return {
      reads: { embeddings: reads },
      add({ embedding }, sum) {
        if (embedding === undefined) return;
        const given = vectorsOf(embedding, reads);
        for (const { name, unit = true, map } of columns) {
          const vector = given.get(name);
          if (vector) addMapped(map, unit ? unitEmbedding(vector) : inRange(vector), sum);
        }
      },
    };
  },
};

/** A map as it travels: int8 rows with a scale each, or the floats themselves where they are few. */
export function embeddingMap(values: Float32Array, bias: Float32Array): EmbeddingMap {
  return values.length <= MAX_FLOATS ? { values, bias } : { ...quantizeRows(values, bias.length), bias };
}

/** sum += the map of a vector; the vector itself for the identity. Sums run in double precision. */
function addMapped(map: EmbeddingMap | undefined, vector: ArrayLike<number>, sum: Float64Array): void {
  const width = sum.length;
  if (!map) {
    for (let d = 0; d < width; d++) sum[d]! += vector[d]!;
    return;
  }
  const { values, scales, bias } = map;
  for (let d = 0; d < width; d++) sum[d]! += bias[d]!;
  for (let i = 0, at = 0; i < vector.length; i++) {
    const value = scales ? vector[i]! * scales[i]! : vector[i]!;
    for (let d = 0; d < width; d++, at++) sum[d]! += value * values[at]!;
  }
}

/** Settings of a column, and how many arrays it has. @throws FormatError naming the field */
function readColumn(where: string, column: unknown, width: number) {
  const isObject = typeof column === "object" && column !== null;
  expectThat(isObject, where, "embedding.columns", "an object each", column);
  const { name, encoder, length, unit, map } = column as Record<string, unknown>;
  const isName = typeof name === "string" && nameFault(name) === undefined;
  expectThat(isName, where, "embedding.name", "a name", name);
  expectInteger(where, "embedding.length", length, 1, MAX_EMBEDDING);
  const isEncoder = typeof encoder === "string" && encoder !== "" && encoder.length <= MAX_ENCODER;
  const upTo = `a text of up to ${MAX_ENCODER} letters`;
  if (encoder !== undefined) expectThat(isEncoder, where, "embedding.encoder", upTo, encoder);
  if (unit !== undefined) expectThat(unit === false, where, "embedding.unit", "false or none", unit);
  const arrays = ARRAYS.get(map);
  expectThat(arrays !== undefined, where, "embedding.map", "identity, f32 or i8", map);
  if (arrays === 0) expectThat(length === width, where, "embedding.length", `${width}, the width of the sum`, length);
  return {
    ...{ name, length: length as number, arrays },
    ...(encoder !== undefined && { encoder: encoder as string }),
    ...(unit === false && { unit }),
  };
}

function readMap(
  where: string,
  section: Section,
  at: number,
  isInt8: boolean,
  { length }: { readonly length: number },
  width: number,
): EmbeddingMap {
  const values = arrayOf(where, section, at, isInt8 ? "i8" : "f32", length * width);
  const scales = isInt8 && arrayOf(where, section, at + 1, "f32", length);
  return { values, ...(scales && { scales }), bias: arrayOf(where, section, at + (isInt8 ? 2 : 1), "f32", width) };
}
