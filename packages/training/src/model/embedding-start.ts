import { Random } from "@poeem/indexing-layer";
import type { PoeemConfig } from "../config.ts";
import { spreadEvenly } from "../data/gather.ts";
import type { Dataset, Vectors } from "../data/types.ts";
import { leadingEigen, ROUNDS, SPARE, times } from "./subspace.ts";
import { addOuter, addProduct } from "./vector-map.ts";

/** Where the maps of embeddings start: (length, dim) each, by the name of the column. */
export interface EmbeddingStart {
  readonly items: ReadonlyMap<string, Float32Array>;
  readonly queries: ReadonlyMap<string, Float32Array>;
  /** Whether they say where items lie: all that is learned beside them starts near 0, then. */
  readonly isKnown: boolean;
}

type Columns = ReadonlyMap<string, Vectors>;

/** Multiplications that the components of a column may take; of more vectors a part stands for all. */
const MOST_PRODUCTS = 4e9;
const LEAST_VECTORS = 2000;

/**
 * Starts all maps at the leading components of the vectors, so that before any step the inner products of the towers'
 * inputs are the best of rank `dim`, by Eckart and Young. A column of the items and one of the queries are of one space
 * where they have one length and one name, or are the only ones of their towers. All such columns are one matrix, side
 * by side, and share the `dim` components. Columns of one tower alone start at 0 beside them.
 *
 * @param isPlaced whether items start elsewhere already; then maps start at 0
 */
export function embeddingStart(config: PoeemConfig, dataset: Dataset, isPlaced: boolean): EmbeddingStart {
  const { dim } = config.model;
  const items = dataset.items.vectors;
  const queries: Columns = dataset.queryVectors?.columns ?? new Map();
  const zeros = (columns: Columns): Map<string, Float32Array> =>
    new Map([...columns].map(([name, { length }]) => [name, new Float32Array(length * dim)]));
  const start = { items: zeros(items), queries: zeros(queries) };
  if (isPlaced) return { ...start, isKnown: false };
  const random = new Random(config.training.seed);
  const both = pairs(items, queries);
  const sides: [Map<string, Float32Array>, Columns, readonly string[]][] =
    both.length > 0
      ? [
          [start.items, items, both.map(([name]) => name)],
          [start.queries, queries, both.map(([, name]) => name)],
        ]
      : [[start.items, items, [...items.keys()]]];
  if (items.size > 0) {
    const maps = components(
      sides.map(([, columns, names]) => names.map((name) => columns.get(name)!)),
      dim,
      random,
    );
    for (const [into, , names] of sides) for (const [c, name] of names.entries()) into.set(name, maps[c]!);
  }
  // no vector of items to be near to: as good as any
  if (both.length === 0)
    for (const [name, vectors] of queries) start.queries.set(name, components([[vectors]], dim, random)[0]!);
  return { ...start, isKnown: items.size > 0 };
}

/** Columns of both towers that are of one space. */
function pairs(items: Columns, queries: Columns): [item: string, query: string][] {
  const areOne = (a: string, b: string): boolean => items.get(a)?.length === queries.get(b)?.length;
  if (items.size === 1 && queries.size === 1) {
    const [item, query] = [[...items.keys()][0]!, [...queries.keys()][0]!];
    return areOne(item, query) ? [[item, query]] : [];
  }
  return [...items.keys()].flatMap((name): [string, string][] =>
    queries.has(name) && areOne(name, name) ? [[name, name]] : [],
  );
}

/**
 * The leading right singular vectors of some rows of vectors, each at unit length, side by side.
 * @param sides for each tower its columns, one after the other of the same lengths
 * @returns of each column its part, (length, dim); zeros beyond as many components as there are
 */
function components(sides: readonly (readonly Vectors[])[], dim: number, random: Random): Float32Array[] {
  const lengths = sides[0]!.map(({ length }) => length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const width = Math.min(total, dim + SPARE);
  const most = Math.max(LEAST_VECTORS, Math.floor(MOST_PRODUCTS / (2 * (ROUNDS + 1) * total * width)));
  const counts = sides.map((columns) => columns[0]!.values.length / columns[0]!.length);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const rows = sides.map((_, side) => spreadEvenly(counts[side]!, Math.ceil((most * counts[side]!) / all)));
  const multiply = (x: Float32Array): Float32Array => {
    const out = new Float32Array(x.length);
    const sum = new Float64Array(width);
    sides.forEach((columns, side) => {
      for (const row of rows[side]!) {
        sum.fill(0);
        for (const [{ length, values }, part] of partsOf(columns, x, width))
          addProduct(values, row * length, length, part, sum);
        for (const [{ length, values }, part] of partsOf(columns, out, width))
          addOuter(values, row * length, length, sum, part);
      }
    });
    return out;
  };
  const { basis, vectors } = leadingEigen(multiply, total, width, random);
  const leading = times(basis, vectors, width);
  const kept = Math.min(dim, width);
  let from = 0;
  return lengths.map((length) => {
    const map = new Float32Array(length * dim);
    for (let i = 0; i < length; i++) map.set(leading.subarray((from + i) * width, (from + i) * width + kept), i * dim);
    from += length;
    return map;
  });
}

/** The columns of a tower, each with its rows of a matrix of all, (total, width). */
function partsOf(columns: readonly Vectors[], matrix: Float32Array, width: number): [Vectors, Float32Array][] {
  let from = 0;
  return columns.map((vectors) => {
    const part = matrix.subarray(from * width, (from + vectors.length) * width);
    from += vectors.length;
    return [vectors, part];
  });
}
