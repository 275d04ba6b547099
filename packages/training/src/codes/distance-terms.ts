import type { CodedVectors, Random } from "@poeem/indexing-layer";
import type { Codebook } from "@poeem/pq-core";
import { decodeRotated } from "@poeem/pq-core/write";
import { gather } from "../data/gather.ts";
import { overlapAtK } from "../rank/metrics.ts";
import { nearestBy, squaresOf } from "./nearest.ts";

/** Items that come nearest to a query, which are to be found. */
const K = 10;
/** Queries and items that terms are chosen by, at most: about 16 million distances, twice. */
const QUERIES = 1000;
const ITEMS = 16_384;
/** What is tried; docs/experiments/vectors.md has the figures. */
const SHARES = [0.5, 0.6, 0.7, 0.8, 0.9];

/**
 * What an item says of the queries that it is compared with: these lie at queryMean + share · (x − itemMean), more or
 * less. All in rotated space.
 */
export interface QueryGuess {
  /** (dim) */
  readonly queryMean: Float32Array;
  /** (dim) */
  readonly itemMean: Float32Array;
  readonly share: number;
}

/** How the terms of items come about; see `distanceTerms`. */
export interface DistanceTerms extends QueryGuess {
  /** By it their mean is that of ‖x̂‖², as items that are added later have it. */
  readonly shift: number;
}

/** What was measured of it: overlap@10 with exact search, by ‖x̂‖² and by these terms. */
export interface ChosenTerms {
  readonly terms: DistanceTerms | undefined;
  readonly plain: number;
  readonly best: number;
  readonly queries: number;
}

/**
 * Terms of items whose vectors are known. The distance of a query to the vector is ‖q‖² − 2·q·x + ‖x‖². With x̂ in its
 * place 2·q·(x − x̂) is lost, of which the part 2·g·(x − x̂) is known, g being the guess of q: an item's term holds it.
 *
 * @returns (n), none below 0
 */
export function distanceTerms(
  { queryMean, itemMean, share, shift }: DistanceTerms,
  rotated: Float32Array,
  decoded: Float32Array,
): Float32Array {
  const dim = queryMean.length;
  const terms = new Float32Array(rotated.length / dim);
  for (let i = 0; i < terms.length; i++) {
    let term = shift;
    for (let d = 0; d < dim; d++) {
      const [x, xhat] = [rotated[i * dim + d]!, decoded[i * dim + d]!];
      const guess = queryMean[d]! + share * (x - itemMean[d]!);
      term += x * x - 2 * guess * (x - xhat);
    }
    terms[i] = Math.max(0, term);
  }
  return terms;
}

/**
 * Chooses the guess by which the codes of a sample keep most of what exact search finds for sample queries; without
 * those for items of the sample, each without itself. `terms` is undefined where ‖x̂‖² keeps as much.
 *
 * @param sample vectors with codes
 * @param queries (q, dim), rotated
 */
export async function chooseTerms(
  codebook: Codebook,
  { rotated: all, cells, codes }: CodedVectors,
  queries: Float32Array | undefined,
  random: Random,
): Promise<ChosenTerms> {
  const { dim, numSubQuantizers: M } = codebook;
  const own = queries === undefined;
  const items = random.permutation(all.length / dim).subarray(0, ITEMS);
  const rotated = gather(all, items, dim);
  const asked = own ? rotated.slice(0, QUERIES * dim) : drawn(queries, dim, random);
  const count = Math.min(K, items.length - Number(own));
  const search = async (vectors: Float32Array, terms: readonly Float32Array[]): Promise<Int32Array[][]> => {
    const found = await nearestBy(asked, vectors, dim, terms, count + Number(own));
    return own ? found.map(withoutOwn) : found;
  };
  const [exact] = await search(rotated, [squaresOf(rotated, dim)]);
  const decoded = decodeRotated(codebook, gather(cells, items, 1), gather(codes, items, M));
  const squares = squaresOf(decoded, dim);
  const means = meansOf(asked, rotated, exact!, dim);
  const tried = SHARES.map((share): DistanceTerms => {
    const unshifted = { ...means, share, shift: 0 };
    const shift = meanOf(squares, 1)[0]! - meanOf(distanceTerms(unshifted, rotated, decoded), 1)[0]!;
    return { ...unshifted, shift };
  });
  const found = await search(decoded, [squares, ...tried.map((terms) => distanceTerms(terms, rotated, decoded))]);
  const overlaps = found.map((numbers) => overlapAtK(numbers, exact!, K));
  const best = Math.max(...overlaps);
  const at = overlaps.indexOf(best);
  return { terms: tried[at - 1], plain: overlaps[0]!, best, queries: asked.length / dim };
}

function drawn(queries: Float32Array, dim: number, random: Random): Float32Array {
  return gather(queries, random.permutation(queries.length / dim).subarray(0, QUERIES), dim);
}

/** Nearest items of each item, without itself. */
function withoutOwn(found: readonly Int32Array[]): Int32Array[] {
  return found.map((numbers, own) => numbers.filter((item) => item !== own));
}

/** Means of queries and of the items nearest to them. */
function meansOf(queries: Float32Array, items: Float32Array, nearest: readonly Int32Array[], dim: number) {
  const found = nearest.flatMap((numbers) => Array.from(numbers));
  return { queryMean: meanOf(queries, dim), itemMean: meanOf(gather(items, found, dim), dim) };
}

/** (dim) */
function meanOf(rows: Float32Array, dim: number): Float32Array {
  const sums = new Float64Array(dim);
  for (let at = 0; at < rows.length; at++) sums[at % dim]! += rows[at]!;
  return Float32Array.from(sums, (sum) => (sum * dim) / rows.length);
}
