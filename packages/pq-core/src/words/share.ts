import { MOST_IMPACT } from "../format/posting-list.ts";
import type { Postings } from "./postings.ts";
import type { WordQuery } from "./query.ts";
import { type Choice, type Scratch, type Sums, union } from "./sums.ts";

/**
 * Weights of a query's words are whole numbers, so that sums are the same in any order; they and the greatest impact
 * make this in all. Below 2^24, so that float32 holds every sum.
 */
const WHOLE = 2 ** 23;
/**
 * Of more items than this, a term that many have is read only for candidates that others gave: one of more than a tenth
 * of so many items, and of more than this share of all.
 */
const MANY_ITEMS = 100_000;
const FREQUENT = 0.1;
const FREQUENT_OF_MORE = 0.03;
/** Of all items: shorter lists are tried alone first. */
const SHORT = 1 / 64;
/** Candidates that tie with the last one are kept up to so many in all. */
const MAX_TIED = 256;
/** Shorter lists are read whole without further thought. */
const MIN_SKIPPED = 512;
/** Items of which it is worth looking up what long lists have of them. */
const MAX_POOL = 2048;
const MAX_MATCHED = 16;

/** How a word is read: lists that are read whole, and lists that are looked up for candidates; the weightiest first. */
interface Reading {
  readonly all: readonly Choice[];
  readonly whole: readonly Choice[];
  readonly rest: readonly Choice[];
  /** Postings of all that is read whole. */
  readonly size: number;
}

/** What was read of a plan: so many words and, where not all of them had to be, the items that are left. */
interface Read {
  readonly plan: readonly Reading[];
  readonly done: number;
  readonly pool?: Uint32Array | undefined;
}

/** What items have of a query's words; one number or list for each item asked for. */
export interface Shares {
  readonly shares: Float32Array;
  readonly coverage: Float32Array;
  readonly matched: string[][];
}

/** idf of a term that `count` of n items have: ln(1 + (n − count + ½) / (count + ½)), as in BM25. */
export function idf(count: number, n: number): number {
  const known = Math.min(count, n);
  return Math.log(1 + (n - known + 0.5) / (known + 0.5));
}

/** A query's words with their weights and postings. */
export class AskedWords {
  /** Of each word that some known term would do for: those terms, the weightiest first. */
  readonly #words: readonly (readonly Choice[])[];
  /** The sum that an item has with every word at the greatest impact. */
  readonly #whole: number;
  readonly #numItems: number;
  /** Longer lists are read for candidates only. */
  readonly #mostRead: number;

  constructor(numItems: number, { words: asked }: WordQuery, postingsOf: (term: string) => Postings | undefined) {
    this.#numItems = numItems;
    this.#mostRead = numItems > MANY_ITEMS ? Math.max(FREQUENT * MANY_ITEMS, FREQUENT_OF_MORE * numItems) : Infinity;
    const weighed = asked.map(({ alternatives }) => {
      const known = alternatives.flatMap(({ term, likeness, certainty = likeness }) => {
        const postings = postingsOf(term);
        return postings === undefined ? [] : [{ term, likeness, certainty, postings }];
      });
      // The word itself, or what is most like it; of those the first.
      const best = known.reduce((a, b) => (a === undefined || b.likeness > a.likeness ? b : a), known[0]);
      const own = idf(best?.postings.count ?? 0, numItems);
      const choices = known.map(({ term, likeness, certainty, postings }) => {
        const least = Math.min(own, idf(postings.count, numItems));
        return { term, postings, weight: likeness * least, certain: certainty * least };
      });
      return { own, choices };
    });
    const scale = WHOLE / (MOST_IMPACT * weighed.reduce((sum, { own }) => sum + own, 0));
    const wholeNumber = (weight: number): number => Math.max(1, Math.round(weight * scale));
    // At least 1: nothing is divided by 0 where no word was asked for.
    this.#whole = Math.max(1, MOST_IMPACT * weighed.reduce((sum, { own }) => sum + wholeNumber(own), 0));
    this.#words = weighed
      .map(({ choices }) =>
        choices
          .map((one) => ({ ...one, weight: wholeNumber(one.weight), certain: wholeNumber(one.certain) }))
          .sort((a, b) => b.weight - a.weight),
      )
      .filter(({ length }) => length > 0);
  }

  /**
   * The best items by their share, `most` of them and those that tie with the last as long as there are not too many;
   * and other items.
   *
   * @param most 0: the others only, whose shares are not looked up then
   * @param others ordinals that pass, in any order
   * @param passes whether an item may be returned; left out: all may
   * @returns ordinals, ascending, and the share of each
   */
  candidates(
    most: number,
    others: readonly number[],
    scratch: Scratch,
    passes?: (ordinal: number) => boolean,
  ): { ordinals: Uint32Array; shares: Float32Array } {
    if (most === 0) {
      const ordinals = union(new Uint32Array(0), others);
      return { ordinals, shares: new Float32Array(ordinals.length) };
    }
    const mostTied = Math.max(most, MAX_TIED);
    const { top, ordinals, sums } = scratch.use((room) => {
      const { plan, done, pool } = this.#readFor(most, room, passes);
      const isRead = done === plan.length && plan.every(({ rest }) => rest.length === 0);
      const top = pool ?? room.best(isRead ? most : mostTied, mostTied, passes);
      const ordinals = union(top, others);
      const sums = room.of(ordinals);
      return { top, ordinals, sums: isRead ? sums : complete(plan, done, ordinals, sums) };
    });
    const sumsOfTop = sumsAt(top, ordinals, sums).sort();
    const last = top.length < most ? -Infinity : sumsOfTop[top.length - most]!;
    const numTied = sumsOfTop.reduce((n, sum) => n + Number(sum >= last), 0);
    const given = Uint32Array.from(others).sort();
    // Of those that tie with the last, the ones that are too many.
    let tooMany = Math.max(0, numTied - mostTied);
    const isKept = new Uint8Array(ordinals.length);
    for (let i = ordinals.length - 1, t = top.length - 1, o = given.length - 1; i >= 0; i--) {
      while (given[o]! > ordinals[i]!) o--;
      if (given[o] === ordinals[i]) isKept[i] = 1;
      if (top[t] !== ordinals[i]) continue;
      t--;
      if (sums[i]! > last) isKept[i] = 1;
      else if (sums[i] === last && tooMany-- <= 0) isKept[i] = 1;
    }
    const kept = (_: number, i: number): boolean => isKept[i] === 1;
    return { ordinals: ordinals.filter(kept), shares: this.#share(sums.filter(kept)) };
  }

  /** Reads short lists alone first: often that is enough to tell that what is left out could bring no other item. */
  #readFor(most: number, room: Sums, passes?: (ordinal: number) => boolean): Read {
    const short = Math.max(MIN_SKIPPED, this.#numItems * SHORT);
    if (short < this.#mostRead) {
      const plan = this.#plan(short, false);
      const read = this.#read(plan, room, most, passes);
      if (read.pool !== undefined || plan.every(({ rest }) => rest.length === 0)) return { plan, ...read };
      room.clear();
    }
    const plan = this.#plan(this.#mostRead, true);
    return { plan, ...this.#read(plan, room, most, passes) };
  }

  /**
   * The words, those with the fewest items first.
   *
   * @param mostRead postings of a list that is read whole
   * @param isRescued where every word is frequent, the rarest term is read whole: something must give candidates
   */
  #plan(mostRead: number, isRescued: boolean): Reading[] {
    const isFrequent = ({ postings }: Choice): boolean => postings.count > mostRead;
    let read: Postings | undefined;
    if (isRescued && this.#words.every((word) => word.some(isFrequent))) {
      for (const { postings } of this.#words.flat().filter(isFrequent))
        if (read === undefined || postings.count < read.count) read = postings;
    }
    const isRead = (choice: Choice): boolean => !isFrequent(choice) || choice.postings === read;
    const plan = this.#words.map((all) => {
      const whole = all.filter(isRead);
      const rest = all.filter((choice) => !isRead(choice));
      return { all, whole, rest, size: whole.reduce((sum, { postings }) => sum + postings.count, 0) };
    });
    return plan.sort((a, b) => a.size - b.size);
  }

  /**
   * Reads words whole, until what is left could bring no other item among the best: then it is cheaper to look up what
   * the few that could still be among them have of it (Turtle and Flood 1995, "maxscore").
   *
   * @returns how many words of the plan were read; and those items, where they are few
   */
  #read(plan: readonly Reading[], room: Sums, most: number, passes?: (ordinal: number) => boolean): Omit<Read, "plan"> {
    const pool = (done: number, atMost: number): Uint32Array | undefined => {
      const floor = room.nth(most, passes) - missing(plan, done);
      return floor > 0 ? room.from(floor, atMost, passes) : undefined;
    };
    for (const [done, { whole, size }] of plan.entries()) {
      if (size > MIN_SKIPPED && size > room.size) {
        const found = pool(done, Math.min(size / 8, MAX_POOL));
        if (found !== undefined) return { done, pool: found };
      }
      room.add(whole);
    }
    const isRead = plan.every(({ rest }) => rest.length === 0);
    return { done: plan.length, pool: isRead ? undefined : pool(plan.length, MAX_POOL) };
  }

  /** What the given items have. */
  sharesOf(ordinals: Uint32Array): Shares {
    const n = ordinals.length;
    const shares = new Float32Array(n);
    const coverage = new Float32Array(n);
    const found: { term: string; weight: number }[][] = Array.from({ length: n }, () => []);
    const ascending = ordinals.toSorted();
    // Place of each of them in what was asked for.
    const places = new Map(Array.from(ordinals, (ordinal, i) => [ordinal, i]));
    const placeOf = Array.from(ascending, (ordinal) => places.get(ordinal)!);
    for (const word of this.#words) {
      const best = new Float32Array(n);
      const covered = new Float32Array(n);
      for (const { term, weight, certain, postings } of word) {
        const impacts = postings.at(ascending);
        for (let j = 0; j < n; j++) {
          if (impacts[j] === 0) continue;
          const i = placeOf[j]!;
          best[i] = Math.max(best[i]!, weight * impacts[j]!);
          covered[i] = Math.max(covered[i]!, certain * MOST_IMPACT);
          found[i]!.push({ term, weight });
        }
      }
      for (let i = 0; i < n; i++) {
        shares[i]! += best[i]!;
        coverage[i]! += covered[i]!;
      }
    }
    const matched = found.map((terms) => {
      const sorted = terms.sort((a, b) => b.weight - a.weight).map(({ term }) => term);
      return [...new Set(sorted)].slice(0, MAX_MATCHED);
    });
    return { shares: this.#share(shares), coverage: this.#share(coverage), matched };
  }

  #share(sums: Float32Array): Float32Array {
    return sums.map((sum) => sum / this.#whole);
  }
}

/** The sums of some of ascending ordinals, ascending too. */
function sumsAt(some: Uint32Array, ordinals: Uint32Array, sums: Float32Array): Float32Array {
  let at = 0;
  return Float32Array.from(some, (ordinal) => {
    while (ordinals[at] !== ordinal) at++;
    return sums[at]!;
  });
}

/** The most that an item can still get, when so many words of the plan were read. */
function missing(plan: readonly Reading[], done: number): number {
  let sum = 0;
  // The first of them weighs the most.
  for (const [w, { all, rest }] of plan.entries()) sum += MOST_IMPACT * ((w < done ? rest : all)[0]?.weight ?? 0);
  return sum;
}

/** Adds what was not read whole to the sums of items. */
function complete(plan: readonly Reading[], done: number, ordinals: Uint32Array, sums: Float32Array): Float32Array {
  for (const [w, { all, whole, rest }] of plan.entries()) {
    if (w < done && rest.length === 0) continue;
    const before = bestOf(w < done ? whole : [], ordinals);
    const after = bestOf(w < done ? rest : all, ordinals);
    for (let i = 0; i < ordinals.length; i++) sums[i]! += Math.max(0, after[i]! - before[i]!);
  }
  return sums;
}

function bestOf(choices: readonly Choice[], ordinals: Uint32Array): Float64Array {
  const best = new Float64Array(ordinals.length);
  for (const { postings, weight } of choices) {
    const impacts = postings.at(ordinals);
    for (let i = 0; i < best.length; i++) best[i] = Math.max(best[i]!, weight * impacts[i]!);
  }
  return best;
}
