import type { CodedVectors, Random } from "@poeem/indexing-layer";
import type { Codebook } from "@poeem/pq-core";
import { decodeRotated } from "@poeem/pq-core/write";
import { gather } from "../data/gather.ts";
import { overlapAtK } from "../rank/metrics.ts";
import { type Asking, drawn, findEach, ITEMS, K, mean, meanAndError, QUERIES, SURE } from "./asked.ts";
import { squaresOf } from "./nearest.ts";

/** What is tried; docs/experiments/vectors.md has the figures. */
const SHARES = [0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9];
/** What an item says of the queries that are compared with it, in rotated space, and where its term starts. */
export interface DistanceTerms {
  /** (dim) Queries lie at queryMean + share · (x − itemMean), more or less. */
  readonly queryMean: Float32Array;
  /** (dim) */
  readonly itemMean: Float32Array;
  readonly share: number;
  /** Gives terms the mean of ‖x̂‖², which is what items without a vector have. */
  readonly shift: number;
}

/** Terms that were tried: overlap@10 with exact search by ‖x̂‖² and by them, of queries that they were not made by. */
export interface TriedTerms {
  /** Undefined where ‖x̂‖² finds as much. */
  readonly terms: DistanceTerms | undefined;
  readonly plain: number;
  readonly best: number;
  readonly queries: number;
}

/** Queries with what they are to find. */
interface Asked extends Asking {
  readonly exact: readonly Int32Array[];
}

/**
 * Terms of items whose vectors are known. The distance of a query to the vector is ‖q‖² − 2·q·x + ‖x‖². With x̂ in its
 * place 2·q·(x − x̂) is lost, of which the part 2·g·(x − x̂) is known, g being the guess of q: an item's term holds it.
 *
 * @param rotated (n, dim) @param decoded (n, dim), what their codes say
 * @returns (n), none below 0
 */
export function distanceTerms(terms: DistanceTerms, rotated: Float32Array, decoded: Float32Array): Float32Array {
  return uncutTerms(terms, rotated, decoded).map((term) => Math.max(0, term));
}

function uncutTerms(
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
    terms[i] = term;
  }
  return terms;
}

/**
 * Chooses the terms by which the codes of a sample keep most of what exact search finds: for sample queries and, as
 * `like` asks too, for items of the sample, each without itself. The guess comes from other queries than those that
 * choose it, and has to find more beyond doubt.
 *
 * @param sample vectors with codes
 * @param queries (q, dim), rotated; undefined = items ask
 * @returns undefined where there are too few items for anything to be said
 */
export async function chooseTerms(
  codebook: Codebook,
  { rotated: all, cells, codes }: CodedVectors,
  queries: Float32Array | undefined,
  random: Random,
): Promise<TriedTerms | undefined> {
  const { dim, numSubQuantizers: M } = codebook;
  const items = random.permutation(all.length / dim).subarray(0, ITEMS);
  if (items.length <= K + 1) return undefined;
  const rotated = gather(all, items, dim);
  const decoded = decodeRotated(codebook, gather(cells, items, 1), gather(codes, items, M));
  const ask = async (asked: Float32Array, own: boolean): Promise<Asked> => {
    const [exact] = await findEach({ queries: asked, own }, rotated, [squaresOf(rotated, dim)], dim);
    return { queries: asked, own, exact: exact! };
  };
  const byItems = await ask(rotated.slice(0, QUERIES * dim), true);
  const sample = queries && (await ask(drawn(queries, QUERIES, random, dim), false));
  const [making, choosing] = halves(sample ?? byItems, dim);
  const kinds = sample ? [choosing, byItems] : [choosing];
  const means = meansOf(making, rotated, dim);
  const tried = SHARES.map((share) => termsOf(means, share, rotated, decoded, dim));
  const terms = [squaresOf(decoded, dim), ...tried.map((some) => distanceTerms(some, rotated, decoded))];
  const overlaps = await Promise.all(kinds.map(async (asked) => overlapsOf(asked, decoded, terms, dim)));
  const gains = tried.map((_, i) => overlaps.map(([plain, ...others]) => meanAndError(others[i]!, plain!)));
  const best = gains.reduce((found, own, i) => (worth(own) > worth(gains[found]!) ? i : found), 0);
  const [first] = gains[best]!;
  const isSure = worth(gains[best]!) > 0 && first!.mean > SURE * first!.error;
  const [plain, ...others] = overlaps[0]!;
  return {
    terms: isSure ? tried[best] : undefined,
    plain: mean(plain!),
    best: mean(others[best]!),
    queries: choosing.exact.length,
  };
}

/** Gains of sample queries count as much as those of items. */
const worth = (gains: readonly { readonly mean: number }[]): number => gains.reduce((sum, { mean }) => sum + mean, 0);

function termsOf(
  means: Pick<DistanceTerms, "queryMean" | "itemMean">,
  share: number,
  rotated: Float32Array,
  decoded: Float32Array,
  dim: number,
): DistanceTerms {
  const unshifted = { ...means, share, shift: 0 };
  return { ...unshifted, shift: mean(squaresOf(decoded, dim)) - mean(uncutTerms(unshifted, rotated, decoded)) };
}

/** For each of the terms the overlap@10 of each query. */
async function overlapsOf(asked: Asked, decoded: Float32Array, terms: readonly Float32Array[], dim: number) {
  const found = await findEach(asked, decoded, terms, dim);
  return found.map((lists) => lists.map((numbers, query) => overlapAtK([numbers], [asked.exact[query]!], K)));
}

/** The second half first: items that ask are the first ones of all. */
function halves({ queries, own, exact }: Asked, dim: number): [Asked, Asked] {
  const middle = Math.ceil(exact.length / 2);
  return [
    { queries: queries.subarray(middle * dim), own, exact: exact.slice(middle) },
    { queries: queries.subarray(0, middle * dim), own, exact: exact.slice(0, middle) },
  ];
}

/** Means of queries and of the items nearest to them. */
function meansOf({ queries, exact }: Asked, items: Float32Array, dim: number) {
  const found = exact.flatMap((numbers) => Array.from(numbers));
  return { queryMean: meanRow(queries, dim), itemMean: meanRow(gather(items, found, dim), dim) };
}

/** (dim); zeros of no rows */
function meanRow(rows: Float32Array, dim: number): Float32Array {
  const sums = new Float64Array(dim);
  for (let at = 0; at < rows.length; at++) sums[at % dim]! += rows[at]!;
  return Float32Array.from(sums, (sum) => (sum * dim) / Math.max(dim, rows.length));
}
