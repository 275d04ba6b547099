import type { WordFacts } from "../format/item-words.ts";
import type { Index } from "../search/pq-index.ts";

/** A term that is like a word: itself, or another spelling or form of it. */
export interface NearTerm {
  readonly term: string;
  /** 1 for the word itself, else below. */
  readonly likeness: number;
  /** One edit away: a letter more, less or another, or two that changed places. */
  readonly isEdit: boolean;
}

/** The items that have a term; ordinals are those of the catalogue. */
export interface Postings {
  /** How many items have it. */
  readonly count: number;
  /** All of them: ordinals ascending, and an impact (1 to 15) for each. */
  all(): { readonly ordinals: Uint32Array; readonly impacts: Uint8Array };
  /** The impacts of some ordinals, which ascend; 0 for one that does not have the term. Skips what lies between. */
  at(ordinals: Uint32Array): Uint8Array;
}

/** The words of an opened index, those of a delta included. */
export interface Words {
  readonly facts: WordFacts;
  /** Items of the catalogue. */
  readonly numItems: number;
  /** Distinct terms. */
  readonly numTerms: number;
  /** How many items have a term, removed ones of a base still counted; 0 for an unknown one. */
  count(term: string): number;
  /**
   * Known terms that are like a word, best first, at most `most`: itself (likeness 1), with `edits` those one edit
   * away, and those whose 3-grams, with a mark at either end, have a Dice coefficient of at least ½ with its own
   * (likeness = Dice³).
   */
  near(word: string, most: number, edits: boolean): readonly NearTerm[];
  /** Known terms that begin with a prefix, most frequent first; ties in code point order. */
  completions(prefix: string, most: number): readonly string[];
  /** Ordinals of items that may be called by a name with this hash, ascending. */
  named(hash: number): Uint32Array;
  /** Postings of terms, read together; undefined for an unknown term. */
  postings(terms: readonly string[]): Promise<readonly (Postings | undefined)[]>;
}

/**
 * The words of an index; undefined where it has none.
 *
 * @throws FormatError when a chunk does not keep to the format
 */
export async function openWords(_index: Index): Promise<Words | undefined> {
  throw new Error("not built yet");
}
