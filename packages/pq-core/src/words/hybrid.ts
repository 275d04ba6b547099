import { check, INPUT } from "../errors.ts";
import type { Ranking } from "../kernel/kernel.ts";
import type { Filter } from "../search/filter.ts";
import { Finalists } from "../search/finalists.ts";
import type { Merge } from "../search/merge.ts";
import { resolveOptions, resolveQueries, type SearchOptions, type SearchResult } from "../search/options.ts";
import type { Index } from "../search/pq-index.ts";
import { settleTies } from "../search/ties.ts";
import { MAX_NAMED } from "./best.ts";
import { placesOf } from "./places.ts";
import type { Postings } from "./postings.ts";
import type { WordQuery } from "./query.ts";
import { scoreItems } from "./score-items.ts";
import { AskedWords } from "./share.ts";
import { Sums } from "./sums.ts";
import { compileOnce, passing, wordFilter } from "./within.ts";
import type { Words } from "./words.ts";

/** Which scores order the results: both, that by codes alone, or that by words alone. */
export const MODES = ["hybrid", "dense", "words"] as const;
/** One of `MODES`. */
export type Mode = (typeof MODES)[number];

/** Query vectors and how their scores merge. */
export interface DenseQuery {
  readonly vectors: readonly Float32Array[];
  readonly merge?: Merge | undefined;
}

/** Of a search by codes and words; all else is as in a search by codes. */
export interface HybridOptions extends SearchOptions {
  /** Default hybrid. */
  readonly mode?: Mode | undefined;
  /** Instead of the index's own; for choosing them. */
  readonly weights?: { readonly dense: number; readonly words: number } | undefined;
}

/**
 * Items that are named first, of these and of all others best first by `scores` = dense · score by codes +
 * words · share, the weights being the index's. A score by a mixture (`sumExp`) is divided by its temperature, so that
 * it weighs as a cosine does. An item that is named gets 2 · dense + words more. Equal scores rank by id.
 */
export interface HybridResult extends SearchResult {
  /** Score by codes of each result; NaN without query vectors. */
  readonly dense: Float32Array;
  /**
   * 0 to 1, share by words of each result: Σ idf(word) · likeness · impact / 15 over Σ idf(word), of each word the best
   * of its alternatives.
   */
  readonly shares: Float32Array;
  /** 0 to 1, what of the query each result has at all: the same without the impact, and with certainty for likeness. */
  readonly coverage: Float32Array;
  /** Terms of the query that each result has, the most telling first. */
  readonly matched: readonly (readonly string[])[];
  /** 1 for an item whose name was asked for. */
  readonly named: Uint8Array;
}

/** Candidates of either side, at least. */
const MIN_CANDIDATES = 30;

/** Room for sums, which one search after the other uses; by what all views of the same words have. */
const ROOMS = new WeakMap<Words["facts"], Sums>();

/**
 * Searches by codes and by words at once: the best of each side, scored by both. A side that counts for nothing gives
 * no candidates. Without query vectors words count alone, and without words the codes. With the mode "dense" names do
 * not count.
 *
 * @param dense undefined where nothing of the query has a vector
 * @throws InputError naming the option
 */
export async function searchHybrid(
  index: Index,
  words: Words,
  dense: DenseQuery | undefined,
  query: WordQuery,
  options: HybridOptions = {},
): Promise<HybridResult> {
  const { mode = "hybrid", weights: given, ...rest } = options;
  check(MODES.includes(mode), "mode", "hybrid, dense or words", mode, INPUT);
  const { vectors = [], merge = { by: "max" } } = dense ?? {};
  const checked = { ...rest, merge };
  const { vectors: queries, resolved } =
    vectors.length === 0
      ? { vectors: [], resolved: resolveOptions(checked, index.manifest, 1) }
      : resolveQueries(index.codebook, vectors, checked, index.manifest);
  const { k } = resolved;
  const weights = weightsOf(mode, given ?? words.facts, queries.length > 0, query.words.length > 0);
  const places = placesOf(index);
  const postingsOf = await readPostings(words, query);
  const asked = new AskedWords(words.numItems, query, postingsOf);
  const joined = joinFilters(rest.filter, wordFilter(places, query, postingsOf));
  const compiled = joined && (await compileOnce(index, places, joined));
  const passes = await passing(index, places, compiled, rest.exclude);
  const most = Math.max(MIN_CANDIDATES, k);

  let counts = { listsProbed: 0, codesScanned: 0 };
  const scores = new Map<number, number>();
  if (queries.length > 0 && weights.dense > 0) {
    const {
      ordinals,
      scores: found,
      ...spent
    } = await index.search(vectors, { ...rest, k: most, filter: compiled?.filter, merge });
    counts = spent;
    for (let i = 0; i < ordinals.length; i++) scores.set(ordinals[i]!, found[i]!);
  }
  const isNamed = new Set(mode === "dense" ? [] : query.named);
  const named =
    isNamed.size > MAX_NAMED
      ? []
      : query.named.filter((ordinal) => isNamed.has(ordinal) && (passes?.(ordinal) ?? true));
  const shares = asked.candidates(weights.words > 0 ? most : 0, [...scores.keys(), ...named], roomOf(words), passes);
  const missing = Uint32Array.from(shares.keys()).filter((ordinal) => !scores.has(ordinal));
  if (queries.length > 0 && missing.length > 0) {
    const found = await scoreItems(index, queries, resolved.merge, missing);
    for (let i = 0; i < missing.length; i++) scores.set(missing[i]!, found[i]!);
    counts = { ...counts, codesScanned: counts.codesScanned + missing.length };
  }

  const temperature = merge.by === "sumExp" ? merge.temperature : 1;
  const total = (ordinal: number, share: number): number => {
    const byCodes = weights.dense === 0 ? 0 : (weights.dense * scores.get(ordinal)!) / temperature;
    const byName = isNamed.has(ordinal) ? 2 * weights.dense + weights.words : 0;
    return Math.fround(byCodes + weights.words * share + byName);
  };
  const rank = (most: number, pairs: readonly (readonly [number, number])[]): Promise<Ranking> => {
    const best = new Finalists(most);
    for (const [ordinal, score] of pairs) best.push(score, ordinal);
    return settleTies(best.take(), {
      cellOf: (ordinal) => places.cellOf(ordinal),
      ids: (ordinals) => index.ids(ordinals),
    });
  };
  const pairs = Array.from(shares, ([ordinal, share]) => [ordinal, total(ordinal, share)] as const);
  // Apart: no score of another item, however large the norms, puts it before one that is named.
  const first = await rank(k, isNamed.size === 0 ? [] : pairs.filter(([ordinal]) => isNamed.has(ordinal)));
  const then = await rank(
    k - first.ordinals.length,
    pairs.filter(([ordinal]) => !isNamed.has(ordinal)),
  );
  const ranking = {
    ordinals: Uint32Array.of(...first.ordinals, ...then.ordinals),
    scores: Float32Array.of(...first.scores, ...then.scores),
  };
  return {
    ...ranking,
    ...counts,
    ...asked.sharesOf(ranking.ordinals),
    dense: Float32Array.from(ranking.ordinals, (ordinal) => scores.get(ordinal) ?? Number.NaN),
    named: Uint8Array.from(ranking.ordinals, (ordinal) => Number(isNamed.has(ordinal))),
  };
}

/** What each side counts for. */
function weightsOf(
  mode: Mode,
  { dense, words }: { readonly dense: number; readonly words: number },
  hasVectors: boolean,
  hasWords: boolean,
): { readonly dense: number; readonly words: number } {
  if (mode === "dense" || (mode === "hybrid" && hasVectors && !hasWords)) return { dense: 1, words: 0 };
  if (mode === "words" || !hasVectors) return { dense: 0, words: 1 };
  return { dense, words };
}

/** Reads the postings of all terms that a query has, each once. */
async function readPostings(
  words: Words,
  { words: asked, required, excluded }: WordQuery,
): Promise<(term: string) => Postings | undefined> {
  const alternatives = asked.flatMap((word) => word.alternatives.map(({ term }) => term));
  const terms = [...new Set([...alternatives, ...required.flat(), ...excluded.flat()])];
  const postings = await words.postings(terms);
  const found = new Map(terms.map((term, i) => [term, postings[i]]));
  return (term) => found.get(term);
}

function joinFilters(a: Filter | undefined, b: Filter | undefined): Filter | undefined {
  return a === undefined || b === undefined ? (a ?? b) : { and: [a, b] };
}

function roomOf(words: Words): Sums {
  let room = ROOMS.get(words.facts);
  if (room === undefined) {
    room = new Sums(words.numItems);
    ROOMS.set(words.facts, room);
  }
  return room;
}
