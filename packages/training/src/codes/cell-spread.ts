import type { Random } from "@poeem/indexing-layer";
import type { CellSpread, Codebook } from "@poeem/pq-core";
import * as tf from "@tensorflow/tfjs";
import { gather } from "../data/gather.ts";
import { type Asking, drawn, findEach, ITEMS, K, mean, meanAndError, QUERIES, SURE } from "./asked.ts";
import { squaresOf } from "./nearest.ts";
import { rotatedRows } from "./rotated-rows.ts";

/** What is tried; docs/experiments/vectors.md has the figures. */
const WEIGHTS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1];

/** What a search reads by the order in which it visits cells. */
export interface TriedSpread {
  /** Undefined where no other order than that of the centroids' scores is better beyond doubt. */
  readonly spread: CellSpread | undefined;
  /** Share of the items in the cells up to the one with an item to be found, geometric mean, without and with it. */
  readonly plain: number;
  readonly best: number;
}

/**
 * Chooses how much the spread of cells counts in the order in which a search visits them (`CellSpread`): by what is to
 * be read until sample queries meet their nearest items, or items of the sample, each without itself.
 *
 * @param vectors (n, dim), a sample
 * @param cells (n) of the vectors
 * @param queries (q, dim); undefined = items ask
 * @returns undefined where there is nothing to choose
 */
export async function chooseCellSpread(
  codebook: Codebook,
  vectors: Float32Array,
  cells: Uint32Array,
  queries: Float32Array | undefined,
  random: Random,
): Promise<TriedSpread | undefined> {
  const { dim, nlist } = codebook;
  const numbers = random.permutation(cells.length).subarray(0, ITEMS);
  if (nlist < 2 || numbers.length <= K + 1) return undefined;
  const items = gather(vectors, numbers, dim);
  const asking: Asking = queries
    ? { queries: drawn(queries, QUERIES, random, dim), own: false }
    : { queries: items.slice(0, QUERIES * dim), own: true };
  const [exact] = await findEach(asking, items, [new Float32Array(numbers.length)], dim);
  const itemCells = gather(cells, numbers, 1);
  const found = exact!.map((list) => Uint32Array.from(list, (item) => itemCells[item]!));
  const sizes = new Uint32Array(nlist);
  for (const cell of cells) sizes[cell]!++;
  const length = Math.sqrt(mean(squaresOf(vectors, dim)));
  const products = await cellProducts(codebook, asking.queries);
  const lengths = squaresOf(asking.queries, dim).map(Math.sqrt);
  const around = squaresOf(codebook.coarseCentroids, dim).map((square) => Math.sqrt(Math.max(0, length ** 2 - square)));
  const readBy = (weight: number): number[] =>
    found.map((wanted, query) => {
      const of = products.subarray(query * nlist, (query + 1) * nlist);
      return meanRead(
        of.map((product, cell) => product + weight * lengths[query]! * around[cell]!),
        sizes,
        wanted,
      );
    });
  const plain = readBy(0);
  const tried = WEIGHTS.map((weight) => ({ weight, read: readBy(weight) }));
  const best = tried.reduce((least, other) => (mean(other.read) < mean(least.read) ? other : least));
  const gain = meanAndError(plain, best.read);
  return {
    spread: gain.mean > SURE * gain.error ? { weight: best.weight, length } : undefined,
    plain: Math.exp(mean(plain)),
    best: Math.exp(mean(best.read)),
  };
}

/** In a line, for a person. */
export function describeSpread({ spread, plain, best }: TriedSpread): string {
  const percent = (share: number): string => `${(100 * share).toPrecision(2)} %`;
  const read = `cells in the order of their centroids: ${percent(plain)} of the items are read to meet a top ${K} item`;
  return spread ? `${read}, ${percent(best)} by what lies around centroids, too` : `${read}, which no spread betters`;
}

/** Mean logarithm of the share of the items that lie in the cells up to each of the wanted ones. */
function meanRead(scores: Float32Array, sizes: Uint32Array, wanted: Uint32Array): number {
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!);
  const read = new Float64Array(scores.length);
  let total = 0;
  for (const cell of order) {
    total += sizes[cell]!;
    read[cell] = total;
  }
  return mean(Array.from(wanted, (cell) => Math.log(read[cell]! / total)));
}

/** q·u: (queries, nlist) */
async function cellProducts(codebook: Codebook, queries: Float32Array): Promise<Float32Array> {
  const { dim, nlist, coarseCentroids } = codebook;
  const rotated = await rotatedRows(codebook, queries);
  const output = tf.tidy(() =>
    tf.matMul(
      tf.tensor2d(rotated, [rotated.length / dim, dim]),
      tf.transpose(tf.tensor2d(coarseCentroids, [nlist, dim])),
    ),
  );
  const products = Float32Array.from(await output.data());
  output.dispose();
  return products;
}
