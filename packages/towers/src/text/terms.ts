/** How texts become the terms of an index. How questions become terms is in `text-query.ts`. */
import { fnv1a32 } from "./hash.ts";
import { isCode, isCompound, type Piece, readPieces } from "./pieces.ts";
import { COMPANY, readByV2 } from "./rules-v2.ts";
import { visibleText } from "./visible-text.ts";

/** Rules of the terms; an index says by which its own were made (`WordFacts.rules`). */
export const TERM_RULES = 1;

/** Of a text without blanks, runs of at most so many characters are terms as a whole, for completions. */
const MAX_RUN = 8;
const HAS_DIGIT = /[0-9]/;
const IS_NUMBER = /^[0-9]+$/;
const LONG_NUMBER = /[0-9]{3}/;
const STARTS_WITH_DIGIT = /^[0-9]/;
const ENDS_WITH_DIGIT = /[0-9]$/;
const THREE_LETTERS = /^\p{L}{1,3}$/u;
const TWO_LETTERS = /^\p{L}{1,2}$/u;
/** Characters that say by themselves what a word says elsewhere. Those of Hangul gain little for their postings. */
const TELLING = /\p{Script=Han}/u;

/**
 * Terms of a text of an item, or of a query that led to it: duplicates kept, all in plain spelling.
 *
 * - Each word. Of one with letters and digits also its parts of two characters or more: "ab1234x" is ab and 1234 too.
 * - Pieces that hang together without blanks and have a digit, joined: "AB-1234-X" is ab, 1234, x and ab1234x. Two or
 *   three that hang by dashes too: "wi-fi" is wifi.
 * - Three or more pieces with digits, most of them numbers, with blanks between: "0 519 969" is 0519969 too.
 * - Those, or a number of three digits or more, with the few letters beside them: "AB 1234 X" is ab1234x too.
 * - Of a run of Han, Kana or Hangul its pairs of characters and each of its Han characters; of one of Thai,
 *   Lao, Khmer or Burmese, three characters at a time, and the last two. Nobody types the whole run; a short one is a
 *   term too.
 */
export function indexTerms(text: string): string[] {
  const terms: string[] = [];
  const units: Unit[] = [];
  for (const piece of readPieces(text)) {
    const unit = units.at(-1);
    if (unit && piece.hangs) hang(unit, piece);
    else {
      if (unit) pushCode(terms, unit);
      units.push(unitOf(piece));
    }
    pushTerms(terms, piece);
  }
  if (units.length > 0) pushCode(terms, units.at(-1)!);
  pushSpacedCodes(terms, units);
  return terms;
}

/** Pieces that hang together. */
interface Unit {
  text: string;
  numPieces: number;
  /** Pieces that are nothing but digits. */
  numNumbers: number;
  /** Whether each of its pieces has a digit. */
  isNumeric: boolean;
  /** Whether all hang by dashes. */
  isDashed: boolean;
  /** Whether nothing but a blank stands before it. */
  readonly follows: boolean;
}

function unitOf({ text, follows, company }: Piece): Unit {
  const isNumeric = company === COMPANY.spaced && HAS_DIGIT.test(text);
  return { text, numPieces: 1, numNumbers: Number(IS_NUMBER.test(text)), isNumeric, isDashed: true, follows };
}

function hang(unit: Unit, { text, isDashed }: Piece): void {
  unit.text += text;
  unit.numPieces++;
  unit.numNumbers += Number(IS_NUMBER.test(text));
  unit.isNumeric &&= HAS_DIGIT.test(text);
  unit.isDashed &&= isDashed;
}

function pushCode(terms: string[], { text, numPieces, isDashed }: Unit): void {
  if (numPieces > 1 && (isCode(text) || (isDashed && isCompound(text, numPieces)))) terms.push(text);
}

/** "AB 1234 X": a number of three digits or more, or several, and the few letters before and behind it. */
function pushSpacedCodes(terms: string[], units: readonly Unit[]): void {
  for (let from = 0, to = 0; from < units.length; from = to) {
    to = endOfNumbers(units, from);
    const text = units
      .slice(from, to)
      .map((unit) => unit.text)
      .join("");
    const isSeveral = to - from > 1;
    if (isSeveral && isCode(text)) terms.push(text);
    if (!LONG_NUMBER.test(text)) continue;
    const [before, behind] = [units[from]!.follows ? units[from - 1] : undefined, units[to]];
    const left = before && STARTS_WITH_DIGIT.test(text) && THREE_LETTERS.test(before.text) ? before.text : "";
    const right = behind?.follows && ENDS_WITH_DIGIT.test(text) && TWO_LETTERS.test(behind.text) ? behind.text : "";
    const codes = [left + text + right];
    // of several, a short word or number before them may be any; they are few enough to have them all
    if (isSeveral && left !== "" && right !== "") codes.push(left + text, text + right);
    const first = units[from]!.text.length;
    if (to - from > 3 && first < 3) codes.push(text.slice(first), text.slice(first) + right);
    for (const code of new Set(codes)) if (code !== text && isCode(code)) terms.push(code);
  }
}

/** Where units end that are one code though they have blanks between: three pieces with digits, two of them numbers. */
function endOfNumbers(units: readonly Unit[], from: number): number {
  let to = from;
  let [numPieces, numNumbers] = [0, 0];
  while (to < units.length && units[to]!.isNumeric && (to === from || units[to]!.follows)) {
    // two that hang together by themselves, as a date and a time do, are two
    if (numPieces > to - from && units[to]!.numPieces > 1) break;
    numPieces += units[to]!.numPieces;
    numNumbers += units[to]!.numNumbers;
    to++;
  }
  return numPieces >= 3 && numNumbers >= 2 ? to : from + 1;
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
  if (company === COMPANY.unspaced && text.length > 2) terms.push(text.slice(-2));
}

/**
 * What a run without blanks is looked up by: pairs of syllables, and each of Han by itself; or three letters
 * at a time. A shorter one by itself.
 */
export function gramsOf({ text, company }: Piece): string[] {
  const points = Array.from(text);
  const size = company === COMPANY.syllabic ? 2 : 3;
  const grams =
    points.length <= size
      ? [text]
      : Array.from({ length: points.length - size + 1 }, (_, i) => points.slice(i, i + size).join(""));
  if (company !== COMPANY.syllabic || points.length === 1) return grams;
  return [...grams, ...points.filter((point) => TELLING.test(point))];
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
