import { indexTerms } from "@poeem/towers";
import { MAX_ITEM_CHARS } from "../data/dataset.ts";

/** Terms of one text that count: a book in one field must not fill the postings of a catalogue. */
const MOST_TERMS = 1 << 13;

/** The terms of a text that an item is found by, in order, repeats kept. */
export function termsOf(text: string): string[] {
  const terms = indexTerms(text.slice(0, MAX_ITEM_CHARS));
  return terms.length > MOST_TERMS ? terms.slice(0, MOST_TERMS) : terms;
}

/** Numbers for terms, in order of the first meeting. */
export class TermNumbers {
  readonly #numberOf = new Map<string, number>();

  numberOf(term: string): number {
    const known = this.#numberOf.get(term);
    if (known !== undefined) return known;
    const number = this.#numberOf.size;
    this.#numberOf.set(term, number);
    return number;
  }

  get size(): number {
    return this.#numberOf.size;
  }

  /** All terms, in order of their numbers. */
  get terms(): string[] {
    return [...this.#numberOf.keys()];
  }
}
