import { MOST_IMPACT } from "../format/posting-list.ts";
import { TopK } from "../kernel/top-k.ts";
import { lowerBoundFrom } from "../sorted.ts";
import { Best, type Choice, type ChoiceReader, type Sums } from "./sums.ts";

/** Candidates that tie with the last one are kept up to so many in all. */
const MAX_TIED = 256;

/** A name of more items than these names none: only candidates are put first for it. */
export const MAX_NAMED = 256;

/** Items that a search for k may find by words and by name, with those that tie: each gets its score by codes. */
export const mostByWords = (k: number): number => Math.max(k, MAX_TIED) + MAX_NAMED;

/** Of all items: lists that are shorter, or short at all, are tried alone first. */
const SHORT = 1 / 64;
/** What is read without further thought: to think about less takes longer. */
const MIN_SKIPPED = 65_536;
/** Items of which it is worth looking up what long lists have of them. */
const MAX_POOL = 2048;
/** So many of them are looked up first. */
const FIRST_LOOKED_UP = 64;
/** Of a long list, what is looked up rather than read is at most this share. */
const MAX_LOOKED_UP = 1 / 32;
/** For each posting that need not be read, so many may be looked up, in all lists together: that takes longer. */
const MAX_LOOK_UPS = 1 / 4;

/** A word, the weightiest of its terms first. */
type Word = readonly Choice[];
type Passes = (ordinal: number) => boolean;

/** A word's terms: those that are read, the longest list last, and those that are looked up, the weightiest first. */
interface Reading {
  readonly word: Word;
  readonly read: Word;
  readonly terms: readonly ChoiceReader[];
  readonly rest: Word;
  /** Postings of all that is read. */
  readonly size: number;
  /** Postings of the rest. */
  readonly numLeft: number;
  /** The most that an item can get from what is read, from the rest, and from either. */
  readonly mostOf: { readonly read: number; readonly rest: number; readonly word: number };
}

/** Some of the items, and what is wanted of them. */
interface Window {
  readonly sums: Sums;
  readonly best: Best;
  readonly passes: Passes | undefined;
  readonly minSkipped: number;
  /** Of all items. */
  readonly share: number;
  readonly others: Uint32Array;
  readonly sumsOfOthers: Float64Array;
}

/**
 * The items with the greatest sums: of each word the weight times the impact of the best of its terms. Goes through
 * the items window by window, and of each reads words until what is left could bring no other item among the best:
 * then it is cheaper to look up what the few that could still be among them have of it (Turtle and Flood 1995,
 * "maxscore").
 *
 * @param most of them, and those that tie with the last as long as there are not too many
 * @param others items whose sums are wanted too, ascending
 * @param minSkipped stretches of lists with fewer postings are read without further thought; for tests
 * @returns the sum of each of the best, and those of the others
 */
export function findBest(
  words: readonly Word[],
  numItems: number,
  most: number,
  others: Uint32Array,
  sums: Sums,
  passes?: Passes,
  minSkipped = MIN_SKIPPED,
): { readonly best: Map<number, number>; readonly sums: Float64Array } {
  const sumsOfOthers = new Float64Array(others.length);
  const best = new Best(most, MAX_TIED);
  const short = Math.max(minSkipped, numItems * SHORT);
  const hasLong = words.some((word) => word.some(({ postings }) => postings.count > short));
  // Often short lists alone are enough to tell that long ones could bring no other item.
  const plans = hasLong ? [planOf(words, short), planOf(words, Infinity)] : [planOf(words, Infinity)];
  for (let from = 0, next = 0; from < numItems; from += sums.window) {
    const to = Math.min(numItems, from + sums.window);
    const end = lowerBoundFrom(next, others, to);
    const window = {
      ...{ sums, best, passes, minSkipped, share: (to - from) / numItems },
      others: others.subarray(next, end),
      sumsOfOthers: sumsOfOthers.subarray(next, end),
    };
    next = end;
    for (const plan of plans) {
      if (plan !== plans.at(-1) && !canBeEnough(plan, plan.length, best)) continue;
      sums.open(from, to);
      try {
        if (readWindow(plan, window)) break;
      } finally {
        sums.clear();
      }
    }
  }
  return { best: best.take(), sums: sumsOfOthers };
}

/** The words, those with the fewest items first. @param mostRead postings of a list that is read */
function planOf(words: readonly Word[], mostRead: number): Reading[] {
  const plan = words.map((word) => {
    const read = word.filter(({ postings }) => postings.count <= mostRead);
    read.sort((a, b) => a.postings.count - b.postings.count);
    const rest = word.filter(({ postings }) => postings.count > mostRead);
    return {
      word,
      read,
      terms: read.map(({ postings, weight }) => ({ reader: postings.reader(), weight })),
      rest,
      size: sizeOf(read),
      numLeft: sizeOf(rest),
      mostOf: { read: mostOf(read), rest: mostOf(rest), word: mostOf(word) },
    };
  });
  return plan.sort((a, b) => a.size - b.size);
}

function sizeOf(terms: Word): number {
  return terms.reduce((sum, { postings }) => sum + postings.count, 0);
}

function mostOf(terms: Word): number {
  let most = 0;
  for (const { weight } of terms) most = Math.max(most, MOST_IMPACT * weight);
  return most;
}

/** Whether the last of the best could have more than items of which nothing was read, after so many words. */
function canBeEnough(plan: readonly Reading[], done: number, best: Best): boolean {
  let read = 0;
  for (let w = 0; w < done; w++) read += plan[w]!.mostOf.read;
  return Math.max(read, best.last) > missing(plan, done);
}

/** @returns whether all items of the window that could be among the best were offered, with all of their sums */
function readWindow(
  plan: readonly Reading[],
  { sums, best, passes, minSkipped, share, others, sumsOfOthers }: Window,
): boolean {
  const offerFew = (done: number, unread: number, own: number): boolean => {
    if (!canBeEnough(plan, done, best)) return false;
    const atMost = Math.min(own * MAX_LOOKED_UP, (unread * MAX_LOOK_UPS) / lookUpsOf(plan, done), MAX_POOL);
    const floor = sums.lastOf(best, passes) - missing(plan, done);
    const pool = floor > 0 ? sums.from(floor, atMost, passes) : undefined;
    if (pool === undefined) return false;
    // Those with the greatest sums first: what they have of the rest may leave the others without a chance.
    for (let n = FIRST_LOOKED_UP, left = pool; left.length > 0; n *= 2) {
      const least = leastOf(n, left, sums);
      const some = left.filter((ordinal) => sums.of(ordinal) >= least);
      const whole = complete(plan, done, some, sums);
      for (let i = 0; i < some.length; i++) if (best.wants(some[i]!, whole[i]!)) best.add(some[i]!, whole[i]!);
      const enough = best.last - missing(plan, done);
      left = left.filter((ordinal) => sums.of(ordinal) < least && sums.of(ordinal) >= enough);
    }
    if (others.length > 0) sumsOfOthers.set(complete(plan, done, others, sums));
    return true;
  };
  const left = plan.reduce((sum, { numLeft }) => sum + numLeft, 0) * share;
  let unread = left + plan.reduce((sum, { size }) => sum + size, 0) * share;
  for (const [done, { terms, size }] of plan.entries()) {
    const own = size * share;
    if (own > minSkipped && own > sums.size && offerFew(done, unread, own)) return true;
    sums.add(terms);
    unread -= own;
  }
  if (left > 0) return offerFew(plan.length, left, left);
  sums.offerTo(best, passes);
  for (let i = 0; i < others.length; i++) sumsOfOthers[i] = sums.of(others[i]!);
  return true;
}

/** The sum of the n-th best of some items; −∞ where there are no more of them. */
function leastOf(n: number, ordinals: Uint32Array, sums: Sums): number {
  if (n >= ordinals.length) return -Infinity;
  const top = new TopK(n);
  for (let i = 0; i < ordinals.length; i++) top.push(sums.of(ordinals[i]!), ordinals[i]!);
  return top.threshold;
}

/** The most that an item can still get, when so many words of the plan were read. */
function missing(plan: readonly Reading[], done: number): number {
  let sum = 0;
  for (const [w, { mostOf }] of plan.entries()) sum += w < done ? mostOf.rest : mostOf.word;
  return sum;
}

/** Lists in which {@link complete} looks for each item. */
function lookUpsOf(plan: readonly Reading[], done: number): number {
  let lists = 0;
  for (const [w, { word, rest }] of plan.entries()) if (w >= done || rest.length > 0) lists += word.length;
  return lists;
}

/** The sums of items, with what was not read. */
function complete(plan: readonly Reading[], done: number, ordinals: Uint32Array, sums: Sums): Float64Array {
  const whole = Float64Array.from(ordinals, (ordinal) => sums.of(ordinal));
  for (const [w, { word, read, rest }] of plan.entries()) {
    if (w < done && rest.length === 0) continue;
    const before = w < done ? bestOf(read, ordinals) : undefined;
    const after = bestOf(w < done ? rest : word, ordinals);
    for (let i = 0; i < ordinals.length; i++) whole[i]! += Math.max(0, after[i]! - (before?.[i] ?? 0));
  }
  return whole;
}

function bestOf(choices: Word, ordinals: Uint32Array): Float64Array {
  const best = new Float64Array(ordinals.length);
  for (const { postings, weight } of choices) {
    const impacts = postings.at(ordinals);
    for (let i = 0; i < best.length; i++) {
      const value = weight * impacts[i]!;
      if (value > best[i]!) best[i] = value;
    }
  }
  return best;
}
