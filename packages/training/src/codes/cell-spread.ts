import type { Random } from "@poeem/indexing-layer";
import type { CellSpread, Codebook } from "@poeem/pq-core";
import { coarseTerms, MAX_SPREAD, probeScore, queryLength } from "@poeem/pq-core/write";
import * as tf from "@tensorflow/tfjs";
import { gather } from "../data/gather.ts";
import { type Asking, drawn, FEWEST_QUERIES, findEach, ITEMS, K, mean, meanAndError, QUERIES, SURE } from "./asked.ts";
import { MAX_SCORES, squaresOf } from "./nearest.ts";
import { rotatedRows } from "./rotated-rows.ts";

/** What is tried; docs/experiments/vectors.md says what each is worth to a set of vectors. */
const WEIGHTS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1];
/** Share of what is read that has to be spared, at least: less is not worth a format that older readers ignore. */
const LEAST_GAIN = 0.02;
/** Queries whose shares of items are as good as those of all. */
const COUNTED = 200;

/** What a search reads by the order in which it visits cells. */
export interface TriedSpread {
  /** Undefined where no other order than that of the centroids' scores is better beyond doubt. */
  readonly spread: CellSpread | undefined;
  /** Share of the items in the cells up to the one with an item to be found, geometric mean, without and with it. */
  readonly plain: number;
  readonly best: number;
  /** How many cells in the order that was chosen hold as many items as so many in that of the centroids' scores. */
  probesFor(plain: number): number;
}

/** Queries by which orders of cells are compared. */
interface Sample {
  /** (queries, nlist) q·u */
  readonly products: Float32Array;
  /** (queries) */
  readonly lengths: Float32Array;
  /** (nlist) */
  readonly sizes: Uint32Array;
  /** (nlist) for each weight that is tried, what the kernel adds to the product of a query of length 1. */
  readonly terms: ReadonlyMap<number, Float32Array>;
}

/**
 * Chooses how much the spread of cells counts in the order in which a search visits them (`CellSpread`): by what is to
 * be read until sample queries meet their nearest items, or items of the sample, each without itself. One half of them
 * chooses, and of the other half less has to be read beyond doubt.
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
  const length = Math.sqrt(mean(squaresOf(vectors, dim)));
  if (nlist < 2 || numbers.length <= K + 1 || !(length <= MAX_SPREAD)) return undefined;
  const items = gather(vectors, numbers, dim);
  const asking: Asking = queries
    ? { queries: drawn(queries, QUERIES, random, dim), own: false }
    : { queries: items.slice(0, QUERIES * dim), own: true };
  if (asking.queries.length < FEWEST_QUERIES * dim) return undefined;
  const [exact] = await findEach(asking, items, [new Float32Array(numbers.length)], dim);
  const itemCells = gather(cells, numbers, 1);
  const wanted = exact!.map((list) => Uint32Array.from(list, (item) => itemCells[item]!));
  const sample = await sampleOf(codebook, asking.queries, cells, length);
  const readBy = (weight: number): number[] =>
    wanted.map((of, query) => meanRead(scoresOf(sample, query, weight), sample.sizes, of));
  const plain = readBy(0);
  const middle = Math.ceil(plain.length / 2);
  const tried = WEIGHTS.map((weight) => ({ weight, read: readBy(weight) }));
  const chosen = tried.reduce((least, other) =>
    mean(other.read.slice(0, middle)) < mean(least.read.slice(0, middle)) ? other : least,
  );
  const gain = meanAndError(plain.slice(middle), chosen.read.slice(middle));
  const isSure = gain.mean > Math.max(SURE * gain.error, Math.log(1 + LEAST_GAIN));
  return {
    spread: isSure ? { weight: chosen.weight, length } : undefined,
    plain: Math.exp(mean(plain.slice(middle))),
    best: Math.exp(mean(chosen.read.slice(middle))),
    probesFor: (nprobe) => (isSure ? matched(sample, nprobe, chosen.weight) : nprobe),
  };
}

/** In a line, for a person. */
export function describeSpread({ spread, plain, best }: TriedSpread): string {
  const percent = (share: number): string =>
    `${share < 0.1 ? (100 * share).toPrecision(2) : Math.round(100 * share)} %`;
  const read =
    `cells in the order of their centroids: ${percent(plain)} of the items (geometric mean) are read to meet a top ` +
    `${K} item`;
  if (!spread) return `${read}, which the spread of cells does not better for sure`;
  return `${read}, ${percent(best)} where the spread of cells counts ${spread.weight}`;
}

async function sampleOf(
  codebook: Codebook,
  queries: Float32Array,
  cells: Uint32Array,
  length: number,
): Promise<Sample> {
  const { dim, nlist } = codebook;
  const sizes = new Uint32Array(nlist);
  for (const cell of cells) sizes[cell]!++;
  const rotated = await rotatedRows(codebook, queries);
  const lengths = Float32Array.from({ length: rotated.length / dim }, (_, i) =>
    queryLength(rotated.subarray(i * dim, (i + 1) * dim)),
  );
  const terms = new Map(
    WEIGHTS.map((weight) => [weight, coarseTerms({ ...codebook, cellSpread: { weight, length } })]),
  );
  return { products: await cellProducts(codebook, rotated), lengths, sizes, terms };
}

/** Of all cells, as a kernel has them. */
function scoresOf({ products, lengths, sizes, terms }: Sample, query: number, weight: number): Float32Array {
  const nlist = sizes.length;
  const of = products.subarray(query * nlist, (query + 1) * nlist);
  const added = terms.get(weight);
  return added ? of.map((product, cell) => probeScore("innerProduct", product, added[cell], lengths[query]!)) : of;
}

/** Mean logarithm of the share of the items that lie in the cells up to each of the wanted ones. */
function meanRead(scores: Float32Array, sizes: Uint32Array, wanted: Uint32Array): number {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const reads = new Map<number, number>();
  for (const cell of new Set(wanted)) {
    let read = 0;
    const own = scores[cell]!;
    for (let other = 0; other < sizes.length; other++) if (scores[other]! >= own) read += sizes[other]!;
    reads.set(cell, Math.log(read / total));
  }
  return mean(Array.from(wanted, (cell) => reads.get(cell)!));
}

function matched(sample: Sample, nprobe: number, weight: number): number {
  // cells without items of the sample may hold others
  if (nprobe >= sample.sizes.length) return nprobe;
  const wanted = meanShares(sample, 0)[nprobe - 1] ?? 1;
  const shares = meanShares(sample, weight);
  // sums of the same sizes in another order differ by their rounding
  const place = shares.findIndex((share) => share >= wanted - 1e-9);
  return place < 0 ? sample.sizes.length : place + 1;
}

/** (nlist) Mean share of the items in the first 1, 2, … cells that hold some. */
function meanShares(sample: Sample, weight: number): Float64Array {
  const { sizes, lengths } = sample;
  const filled = Uint32Array.from(sizes.keys()).filter((cell) => sizes[cell]! > 0);
  const shares = new Float64Array(filled.length);
  const count = Math.min(COUNTED, lengths.length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  for (let query = 0; query < count; query++) {
    const scores = scoresOf(sample, query, weight);
    let read = 0;
    for (const [place, cell] of filled.toSorted((a, b) => scores[b]! - scores[a]! || a - b).entries()) {
      read += sizes[cell]!;
      shares[place]! += read / total / count;
    }
  }
  return shares;
}

/** q·u: (queries, nlist) @param rotated (queries, dim) */
async function cellProducts({ dim, nlist, coarseCentroids }: Codebook, rotated: Float32Array): Promise<Float32Array> {
  const products = new Float32Array((rotated.length / dim) * nlist);
  const columns = tf.tidy(() => tf.transpose(tf.tensor2d(coarseCentroids, [nlist, dim])));
  const rows = Math.max(1, Math.floor(MAX_SCORES / nlist));
  for (let from = 0; from < rotated.length / dim; from += rows) {
    const slice = rotated.subarray(from * dim, (from + rows) * dim);
    const output = tf.tidy(() => tf.matMul(tf.tensor2d(slice, [slice.length / dim, dim]), columns));
    products.set(await output.data(), from * nlist);
    output.dispose();
  }
  columns.dispose();
  return products;
}
