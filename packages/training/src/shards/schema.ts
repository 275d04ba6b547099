import { createHash } from "node:crypto";
import { UserError } from "@poeem/offline/errors";
import type { Codebook, IdType } from "@poeem/pq-core";

/** Key of the metadata of a shard's Parquet file. */
export const SHARD_KEY = "poeem.shard";
export const SHARD_FORMAT = 1;

/** What a shard says of itself, as JSON under `SHARD_KEY`. */
export interface ShardFacts {
  readonly format: typeof SHARD_FORMAT;
  /** `codebookHash` of the index by which it was encoded. */
  readonly codebook: string;
  /** Version of that index. */
  readonly index: string;
  /** Part from 0, and how many there are. */
  readonly shard: number;
  readonly of: number;
  readonly rows: number;
  readonly facets: readonly string[];
  readonly numbers: readonly string[];
}

/**
 * SHA-256 of what codes mean: shards fit together only where it is the same. It is that of the codebook, whatever items
 * an index of it has.
 */
export function codebookHash(codebook: Codebook): string {
  const { dim, metric, nlist, numSubQuantizers, nbits, byResidual, rotation, coarseCentroids, centroids } = codebook;
  const hash = createHash("sha256").update(JSON.stringify([dim, metric, nlist, numSubQuantizers, nbits, byResidual]));
  for (const values of [rotation ?? new Float32Array(0), coarseCentroids, centroids])
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return hash.digest("hex");
}

/** Which columns a shard has, beside ids, cells and codes. */
export interface ShardShape {
  readonly idType: IdType;
  readonly hasTerms: boolean;
  readonly hasFields: boolean;
  readonly hasWords: boolean;
  readonly facets: readonly string[];
  readonly numbers: readonly string[];
}

const ID_TYPES: Readonly<Record<IdType, string>> = { string: "VARCHAR", u32: "UINTEGER", u64: "UBIGINT" };

export const facetColumn = (name: string): string => `facet.${name}`;
export const numberColumn = (name: string): string => `number.${name}`;

/**
 * Names and types of a shard's columns, in their order; docs/scale.md says what they hold.
 * @throws UserError for names that SQL takes for one
 */
export function shardColumns(shape: ShardShape): Column[] {
  const columns: Column[] = [
    ["id", ID_TYPES[shape.idType]],
    ["cell", "UINTEGER"],
    ["code", "BLOB"],
    ...(shape.hasTerms ? [["term", "FLOAT"] as const] : []),
    ...(shape.hasFields ? [["fields", "VARCHAR"] as const] : []),
    ...shape.facets.map((name) => [facetColumn(name), "VARCHAR[]"] as const),
    ...shape.numbers.map((name) => [numberColumn(name), "DOUBLE"] as const),
    ...(shape.hasWords ? WORD_COLUMNS : []),
  ];
  const names = columns.map(([name]) => name.toLowerCase());
  const twice = columns.find(([name], i) => names.indexOf(name.toLowerCase()) < i)?.[0];
  if (twice !== undefined)
    throw new UserError(`a shard cannot hold two columns ${twice} that differ in case alone: rename one in data.items`);
  return columns;
}

type Column = readonly [name: string, type: string];
const WORD_COLUMNS: readonly Column[] = [
  ["terms", "VARCHAR[]"],
  ["impacts", "BLOB"],
  ["names", "UINTEGER[]"],
];
