import { type Blame, check, checkInteger } from "../errors.ts";

/** Of UTF-8: words and codes are short, and what a reader allocates for a term has a bound. */
export const MAX_TERM_BYTES = 128;

/** Beyond it scores were no numbers any more. */
const MAX_WEIGHT = 1e6;

/** What the words of an index need beside postings: by which rules they were read, and what they count for. */
export interface WordFacts {
  /** Rules by which texts were cut into terms; a reader asks by the same ones. */
  readonly rules: number;
  /** Weight of the score by codes in a hybrid search, at most a million, as the other. */
  readonly dense: number;
  /** Weight of the share by words. Never both 0. */
  readonly words: number;
  /**
   * What a score by codes says of a text, measured at training: the best score that nonsense gets, and the usual best
   * score of a query that people ask.
   */
  readonly near?: readonly [floor: number, usual: number] | undefined;
}

/** The words of items, as a writer takes them and a reader gives them back: a list of terms for each item. */
export interface ItemWords {
  /** Distinct terms of 1 to 128 bytes of UTF-8, in any order. */
  readonly terms: readonly string[];
  /** (n + 1) where the list of each item starts in `numbers` and `impacts`. */
  readonly offsets: Uint32Array;
  /** Positions in `terms`, none twice in an item. */
  readonly numbers: Uint32Array;
  /** 1 to 15: how much of the term's weight an item with it has. Everything else, such as lengths, is folded in. */
  readonly impacts: Uint8Array;
  /** (n + 1) where the names of each item start in `names`. */
  readonly nameOffsets: Uint32Array;
  /** Hashes of what an item is called: a query with such a hash may be its name. One that comes twice counts once. */
  readonly names: Uint32Array;
}

/** Throws unless words count for something, by rules that have a number. */
export function checkWordFacts(name: string, facts: WordFacts, blame?: Blame): void {
  checkInteger(`${name}.rules`, facts?.rules, 1, 0xffff_ffff, blame);
  const { dense, words, near = [0, 1] } = facts;
  const isWeight = (weight: unknown): boolean => typeof weight === "number" && weight >= 0 && weight <= MAX_WEIGHT;
  const are = isWeight(dense) && isWeight(words) && dense + words > 0;
  check(are, name, `weights from 0 to ${MAX_WEIGHT}, not both 0`, `${dense}, ${words}`, blame);
  const isNear = Array.isArray(near) && near.length === 2 && near.every(Number.isFinite) && near[0] < near[1];
  check(isNear, `${name}.near`, "two numbers, ascending", near, blame);
}
