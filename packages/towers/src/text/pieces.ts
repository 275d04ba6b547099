/** A text as pieces: the words of rules v2, in plain spelling, and which of them hang together as a code does. */
import { COMPANY, readVisible } from "./rules-v2.ts";
import { visibleText } from "./visible-text.ts";
import { firstPoints, type Word } from "./word.ts";

/** A word of a text as terms are made of it. */
export interface Piece {
  /** In plain spelling, at most `MAX_TERM` code points. */
  readonly text: string;
  /** Letters and digits apart: of "ab1234x" ab, 1234, x. Of any other word, itself. */
  readonly parts: readonly string[];
  /** Which writing, so how it is cut: see `COMPANY`. */
  readonly company: number;
  /** Whether it stands beside the piece before it without a blank, as in "AB-1234". */
  readonly hangs: boolean;
  /** Whether it hangs by a dash. */
  readonly isDashed: boolean;
  /** Whether nothing but a blank stands between it and the piece before it. */
  readonly follows: boolean;
}

/** Longer words are cut: 128 bytes of UTF-8 at most, as the format wants it. */
export const MAX_TERM = 32;

/** Pieces and letters of a compound. */
const MAX_COMPOUND = 3;
const MIN_COMPOUND = 4;

const BLANKS = /\s+/;
const PLAIN = new RegExp(`^[a-z]{1,${MAX_TERM}}$`);
/**
 * Signs inside a code. Between digits a dash alone, for 3.5 is not 35, and 1/2 not 12; but a stroke beside three digits
 * as in 2501/384, points and strokes of three numbers or more, and of WX/88.12 all.
 */
const DASH = "[-_\\u2010-\\u2015\\u2212]";
const DIGITS = `[0-9]{1,${MAX_TERM}}`;
const SIGN = [
  `${DASH}|(?<![0-9])[./:+]|[./:+](?![0-9])|(?<=\\p{L}\\S{0,${MAX_TERM}})[./:+]`,
  `(?<=[0-9]{3})/|/(?=[0-9]{3})|[./](?=${DIGITS}[./][0-9])|(?<=[./]${DIGITS})[./]`,
].join("|");
const INSIDE = new RegExp(`(?<=[\\p{L}\\p{N}\\p{M}])(${SIGN})(?=[\\p{L}\\p{N}])`, "u");
const IS_DASH = new RegExp(`^${DASH}$`);
const BEGINS = /^[\p{L}\p{N}]/u;
/** A word, or a number in brackets such as (872). */
const ENDS = /[\p{L}\p{N}\p{M}]$|^\([0-9]{1,6}\)$/u;
const HAS_SIGN = /[-_./:+\u2010-\u2015\u2212]/;
const HAS_DIGIT = /[0-9]/;
const LETTERS_AND_DIGITS = /[0-9]+|[^0-9]+/g;

const ALONE = { company: COMPANY.spaced, hangs: false, isDashed: false };

/** The pieces of a text, in order. */
export function readPieces(text: string): Piece[] {
  const found: Piece[] = [];
  let isBefore = false;
  for (const chunk of visibleText(text).split(BLANKS)) {
    // most are a word of a few letters, and to find that out is cheap
    if (PLAIN.test(chunk)) {
      found.push({ text: chunk, parts: [chunk], ...ALONE, follows: isBefore });
      isBefore = true;
      continue;
    }
    const follows = isBefore && BEGINS.test(chunk);
    const start = found.length;
    let hangs = false;
    // what is between two segments comes between them
    const segments = HAS_SIGN.test(chunk) ? chunk.split(INSIDE) : [chunk];
    for (let at = 0; at < segments.length; at += 2) {
      const words = readVisible(segments[at]!);
      for (const [i, word] of words.entries()) {
        const isHung = hangs && i === 0 && isSpaced(word);
        found.push({
          ...cut(word),
          hangs: isHung,
          isDashed: isHung && IS_DASH.test(segments[at - 1]!),
          follows: follows && found.length === start && isSpaced(word),
        });
      }
      hangs = words.length > 0 && isSpaced(words.at(-1)!);
    }
    isBefore = ENDS.test(chunk);
  }
  return found;
}

/** Letters and digits of one alphabet: no picture, and no run of a writing without blanks. */
function isSpaced({ company, bare }: Word): boolean {
  return company === COMPANY.spaced && bare !== undefined;
}

function cut(word: Word): Omit<Piece, "hangs" | "isDashed" | "follows"> {
  const text = firstPoints(word.inPairs, MAX_TERM);
  const isMixed = HAS_DIGIT.test(text) && isSpaced(word);
  return { text, company: word.company, parts: isMixed ? text.match(LETTERS_AND_DIGITS)! : [text] };
}

/** Whether pieces without a digit that hang by dashes are one word to others: "wi-fi" is wifi. */
export function isCompound(joined: string, numPieces: number): boolean {
  return numPieces > 1 && numPieces <= MAX_COMPOUND && joined.length >= MIN_COMPOUND && joined.length <= MAX_TERM;
}

/** Whether pieces that are written without blanks and dashes between them are a code, not a number by chance. */
export function isCode(joined: string): boolean {
  return joined.length <= MAX_TERM && HAS_DIGIT.test(joined) && (joined.length >= 5 || !/^[0-9]+$/.test(joined));
}
