/** How texts become the terms of an index, and questions the terms that are looked for. */

/** Rules of the terms; an index says by which its own were made (`WordFacts.rules`). */
export const TERM_RULES = 1;

/** Terms of a text of an item, or of a query that led to it: in order, duplicates kept. */
export function indexTerms(_text: string): string[] {
  throw new Error("not built yet");
}

/**
 * What all spellings of a name have in common: case, accents, blanks and punctuation do not count. "AB-1234 x" and
 * "ab1234X" are one name. "" for a text in which nothing is to be seen.
 */
export function nameForm(_text: string): string {
  throw new Error("not built yet");
}

/** Hash of a name as an index keeps it (`ItemWords.names`); undefined for one in which nothing is to be seen. */
export function nameHash(_text: string): number | undefined {
  throw new Error("not built yet");
}
