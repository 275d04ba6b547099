/** How a text that somebody types is read: words to look for, words that must be there, and words that must not. */
import { isCode, isCompound, MAX_TERM, type Piece, readPieces } from "./pieces.ts";
import { COMPANY, SYLLABLES, UNSPACED } from "./rules-v2.ts";
import { gramsOf } from "./terms.ts";
import { firstPoints } from "./word.ts";

/** A word that is looked for. */
interface AskedWord {
  readonly term: string;
  /** Whether other spellings may be meant: not of a picture, nor of a part of a run without blanks. */
  readonly isSpelled: boolean;
}

/** Neighbours as one term: whoever has it has all of them. */
export interface AskedCode {
  readonly term: string;
  /** Positions in the words, ascending. */
  readonly words: readonly number[];
  /** Whether it has the looks of a code: parts enough, or digits enough, not to be an amount such as 5 kg. */
  readonly isLong: boolean;
  /** Whether it is typed without blanks. */
  readonly isClose: boolean;
}

/** What is asked for, as terms. */
export interface Asked {
  /** In order, distinct. */
  readonly words: readonly AskedWord[];
  readonly codes: readonly AskedCode[];
  /** Position of the last word of the text; −1 without words. */
  readonly last: number;
}

/** A typed text: its words, and what its operators ask for. */
export interface TextQuery extends Asked {
  /** What is left without quotes and without the words that are left out. */
  readonly text: string;
  /** Whether the last word may be unfinished: nothing stands behind it. */
  readonly isOpen: boolean;
  /** Whether there are quotes or words to leave out. */
  readonly hasOperators: boolean;
  /** Each quoted phrase. */
  readonly required: readonly Asked[];
  /** What follows each minus. */
  readonly excluded: readonly Asked[];
}

/** Code points that are read, and words that are looked for. */
const MAX_CHARS = 1024;
const MAX_WORDS = 64;
/** Words that are tried as one code. */
const MAX_JOINED = 6;
const HAS_DIGIT = /[0-9]/;
const LONG_NUMBER = /^[0-9]{3}/;

const QUOTE = '["\\u201c-\\u201f\\u00ab\\u00bb\\uff02]';
const PHRASE = `${QUOTE}([^${QUOTE.slice(1)}*)${QUOTE}`;
/** A quote opens where no word is, and in writings without blanks anywhere. */
const OPENS = `(?<![\\p{L}\\p{N}\\p{M}]|${QUOTE})|(?<=[${SYLLABLES}${UNSPACED}])`;
const OPERATOR = new RegExp(`(?<!\\S)[-\\u2212](?:${PHRASE}|(\\p{L}\\S*))|(?:${OPENS})${PHRASE}`, "gu");
const ENDS_OPEN = /[\p{L}\p{N}\p{M}]$/u;

/**
 * Reads a text that somebody typed. "Quoted words" are required. A minus at the start or behind a blank, with a letter
 * or a quote right behind it, leaves out what follows; any other dash is none. A quote without its other half is none.
 */
export function readTextQuery(typed: string): TextQuery {
  const read = firstPoints(typed, MAX_CHARS);
  const required: Asked[] = [];
  const excluded: Asked[] = [];
  let end = 0;
  const text = read.replace(OPERATOR, (whole, left: string | undefined, word: string | undefined, phrase, at) => {
    const out = left ?? word;
    if (out !== undefined) excluded.push(askedOf(out));
    else required.push(askedOf(phrase));
    end = at + whole.length;
    return out === undefined ? ` ${phrase} ` : " ";
  });
  const hasOperators = end > 0;
  const isSome = ({ words }: Asked): boolean => words.length > 0;
  return {
    ...askedOf(text),
    text: hasOperators ? text.trim() : typed,
    isOpen: end < read.length && ENDS_OPEN.test(read),
    hasOperators,
    required: required.filter(isSome),
    excluded: excluded.filter(isSome),
  };
}

/** The words of a text as terms, and which neighbours could be one code. */
export function askedOf(text: string): Asked {
  const words = new Map<string, { isSpelled: boolean; at: number }>();
  const placeOf = (term: string, isSpelled: boolean): number => {
    const known = words.get(term) ?? { isSpelled, at: words.size };
    words.set(term, known);
    return known.at;
  };
  const pieces: (Piece & { readonly at: readonly number[] })[] = [];
  for (const piece of readPieces(text)) {
    const { company, parts } = piece;
    // of a long run as much as may be asked
    const terms = company === COMPANY.spaced ? parts : gramsOf(piece).slice(0, MAX_WORDS - words.size);
    if (words.size + terms.length > MAX_WORDS) break;
    const isSpelled = company === COMPANY.spaced && /^[\p{L}\p{N}]/u.test(piece.text);
    pieces.push({ ...piece, at: terms.map((term) => placeOf(term, isSpelled)) });
  }
  return {
    words: Array.from(words, ([term, { isSpelled }]) => ({ term, isSpelled })),
    codes: [...codesOf(pieces)],
    last: pieces.at(-1)?.at.at(-1) ?? -1,
  };
}

function codesOf(pieces: readonly (Piece & { readonly at: readonly number[] })[]): AskedCode[] {
  const codes = new Map<string, AskedCode>();
  for (const [start, first] of pieces.entries()) {
    let term = "";
    const places: number[] = [];
    let numParts = 0;
    let hasNumber = false;
    let isClose = !first.hangs;
    let isDashed = isClose;
    for (let end = start; end < pieces.length; end++) {
      const { text, parts, at, company, hangs, isDashed: isHungByDash } = pieces[end]!;
      isClose &&= end === start || hangs;
      isDashed &&= end === start || isHungByDash;
      term += text;
      if (company !== COMPANY.spaced || term.length > MAX_TERM || (end - start >= MAX_JOINED && !isClose)) break;
      places.push(...at);
      numParts += parts.length;
      hasNumber ||= parts.some((part) => LONG_NUMBER.test(part));
      const hasDigit = HAS_DIGIT.test(term);
      const isJoined = hasDigit ? isCode(term) : isDashed && !pieces[end + 1]?.isDashed && isCompound(term, numParts);
      if (numParts < 2 || !isJoined || codes.has(term)) continue;
      const words = [...new Set(places)].sort((a, b) => a - b);
      codes.set(term, { term, words, isLong: hasDigit && (numParts > 2 || hasNumber), isClose });
    }
  }
  return [...codes.values()];
}
