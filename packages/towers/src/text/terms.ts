/** How texts become the terms of an index. How questions become terms is in `text-query.ts`. */
import { fnv1a32 } from "./hash.ts";
import { isCode, type Piece, readPieces } from "./pieces.ts";
import { COMPANY, readByV2 } from "./rules-v2.ts";
import { visibleText } from "./visible-text.ts";

/** Rules of the terms; an index says by which its own were made (`WordFacts.rules`). */
export const TERM_RULES = 1;

/** Of a text without blanks, runs of at most so many characters are terms as a whole, for completions. */
const MAX_RUN = 12;
const HAN = /\p{Script=Han}/u;

/**
 * Terms of a text of an item, or of a query that led to it: in order, duplicates kept, all in plain spelling.
 *
 * - Each word. Of one with letters and digits also its parts of two characters or more: "ab1234x" is ab and 1234 too.
 * - Pieces that hang together without blanks and have a digit, joined: "AB-1234-X" is ab, 1234, x and ab1234x.
 * - Of a run of Han, Kana or Hangul its pairs of characters and each of its Han characters; of one of Thai, Lao, Khmer
 *   or Burmese, three characters at a time, and the last two. Nobody types the whole run; a short one is a term too.
 */
export function indexTerms(text: string): string[] {
  const terms: string[] = [];
  let code: string[] = [];
  const finishCode = (): void => {
    const joined = code.join("");
    if (code.length > 1 && isCode(joined)) terms.push(joined);
    code = [];
  };
  for (const piece of readPieces(text)) {
    if (!piece.hangs) finishCode();
    code.push(piece.text);
    pushTerms(terms, piece);
  }
  finishCode();
  return terms;
}

function pushTerms(terms: string[], piece: Piece): void {
  const { text, parts, company } = piece;
  if (company === COMPANY.spaced) {
    terms.push(text);
    if (parts.length > 1) terms.push(...parts.filter((part) => part.length > 1));
    return;
  }
  const grams = gramsOf(piece);
  const isShort = Array.from(text).length <= MAX_RUN;
  if (isShort && grams[0] !== text) terms.push(text);
  terms.push(...grams);
  if (company === COMPANY.syllabic) for (const point of text) if (HAN.test(point) && point !== text) terms.push(point);
  if (company === COMPANY.unspaced && text.length > 2) terms.push(text.slice(-2));
}

/** What a run without blanks is looked up by: pairs of syllables, or three letters at a time; a shorter one itself. */
export function gramsOf({ text, company }: Piece): string[] {
  const points = Array.from(text);
  const size = company === COMPANY.syllabic ? 2 : 3;
  if (points.length <= size) return [text];
  return Array.from({ length: points.length - size + 1 }, (_, i) => points.slice(i, i + size).join(""));
}

/**
 * What all spellings of a name have in common: case, accents, blanks and punctuation do not count. "AB-1234 x" and
 * "ab1234X" are one name. "" for a text in which nothing is to be seen.
 */
export function nameForm(text: string): string {
  const words = readByV2(text, Infinity);
  if (words.length > 0) return words.map(({ inPairs }) => inPairs).join("");
  return visibleText(text).replace(/\s+/g, "");
}

/** Hash of a name as an index keeps it (`ItemWords.names`); undefined for one in which nothing is to be seen. */
export function nameHash(text: string): number | undefined {
  const form = nameForm(text);
  return form === "" ? undefined : fnv1a32(form);
}
