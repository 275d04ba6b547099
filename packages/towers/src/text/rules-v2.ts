/**
 * How words are read. A word is a run of letters, their marks and digits of one kind of writing: Latin beside Han,
 * Kana, Hangul or Thai is a word of its own, as if there were a blank. A picture is a word, and each of its parts.
 */
import { plainSpelling } from "./plain-spelling.ts";
import { visibleText } from "./visible-text.ts";
import { firstPoints, type Rules, type Word } from "./word.ts";

const IS_ASCII = /^[\0-\x7f]*$/;

// "c#" and "c++" are words; of "foo#bar", "wow+" and "a++b" only the letters are
const ASCII_WORD = /[a-z]#(?![a-z0-9#])|[a-z0-9]+(?:\+\+(?<=[a-z]\+\+)(?![+a-z]))?/g;

/** Keycaps, flags of regions by letters and by tags, other pictures, a tone of skin alone. */
const PICTURE =
  "[0-9#*]\\u20e3|\\p{Regional_Indicator}{2}|\\u{1f3f4}[\\u{e0030}-\\u{e007a}]+\\u{e007f}" +
  "|\\p{Extended_Pictographic}\\p{Emoji_Modifier}?(?:\\u200d\\p{Extended_Pictographic}\\p{Emoji_Modifier}?)*" +
  "|\\p{Emoji_Modifier}";
export const SYLLABLES =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\u3006\\u3031-\\u3035\\u303c\\u30fc";
/** Scripts without blanks whose characters are letters all the same. */
export const UNSPACED = "\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}";
/** Alphabets that one word may mix, as in "µm", with the letters and digits that all scripts share. */
const ALPHABETS = "\\p{Script=Latin}\\p{Script=Greek}\\p{Script=Cyrillic}";
const SHARED = "\\p{Script=Common}\\p{Script=Inherited}";

const PLUSES = `\\+\\+(?<=[${ALPHABETS}]\\+\\+)(?![+\\p{L}])`;
const WORD = `[a-z]#(?![\\p{L}\\p{N}#])|[\\p{L}\\p{N}][\\p{L}\\p{N}\\p{M}]*(?:${PLUSES})?`;
const WORD_OR_PICTURE = new RegExp(`${WORD}|${PICTURE}`, "gu");
const IS_PICTURE = /^(?:[^\p{L}\p{N}]|[0-9]\u20e3$)/u;
const IS_ALPHABETIC = new RegExp(`^[${ALPHABETS}${SHARED}]+$`, "u");
const IS_SYLLABIC = new RegExp(`^[${SYLLABLES}]`, "u");
const IS_UNSPACED = new RegExp(`^[${UNSPACED}]`, "u");
/** Pieces of one writing, of a run that may have several; digits belong to letters before them. */
const PIECE = new RegExp(
  [
    `[${SYLLABLES}][${SYLLABLES}\\p{M}]*`,
    `[${UNSPACED}][${UNSPACED}\\p{M}]*`,
    `[${ALPHABETS}${SHARED}][${ALPHABETS}${SHARED}\\p{M}]*`,
    `(?:[^${SYLLABLES}${UNSPACED}${ALPHABETS}]\\p{M}*)+`,
  ].join("|"),
  "gu",
);

const HAS_SIGNS = /[a-z](?:#|\+\+)/;
/** Where "c++" and "c#" begin and end in a text that has no blanks. */
const BORDER = new RegExp(`(?<=[${SYLLABLES}${UNSPACED}])(?=[a-z])|(?<=[#+])(?=[${SYLLABLES}${UNSPACED}])`, "gu");

// neighbours across the border of two writings make no pair: whether a blank stands there means nothing
export const COMPANY = { spaced: 0, syllabic: 1, unspaced: 2 };

const SIGNS = /(?:\+\+|#)$/;
const BLACK_FLAG = "\u{1f3f4}";
const JOINER = "\u200d";

export const readByV2: Rules = (text, maxChars) => {
  const isAscii = IS_ASCII.test(text);
  return readVisible(firstPoints(isAscii ? text.toLowerCase() : visibleText(text), maxChars), isAscii);
};

/** The words of what `visibleText` gave. */
export function readVisible(visible: string, isAscii: boolean = IS_ASCII.test(visible)): Word[] {
  if (isAscii) return (visible.match(ASCII_WORD) ?? []).map(plain);
  const found: Word[] = [];
  if (HAS_SIGNS.test(visible)) visible = visible.replace(BORDER, " ");
  // one by one: a text without blanks may have more pieces than a call may have arguments
  for (const word of visible.match(WORD_OR_PICTURE) ?? []) {
    if (IS_ASCII.test(word)) found.push(plain(word));
    else if (IS_PICTURE.test(word)) for (const part of partsOf(word)) found.push(pictured(part));
    else if (IS_ALPHABETIC.test(word)) found.push(spelled(word));
    else for (const part of word.match(PIECE)!) found.push(piece(part));
  }
  return found;
}

function piece(word: string): Word {
  if (IS_ASCII.test(word)) return plain(word);
  if (IS_SYLLABIC.test(word)) return written(word, COMPANY.syllabic, true);
  return IS_UNSPACED.test(word) ? written(word, COMPANY.unspaced) : spelled(word);
}

/** "👍🏽" is 👍 and the tone; "👩🏽‍🚒" is 👩, the tone, 🚒 and, without tones, the whole. */
function partsOf(picture: string): string[] {
  if (picture.startsWith(BLACK_FLAG) && picture.endsWith("\u{e007f}")) return [BLACK_FLAG, picture];
  if (picture.endsWith("\u20e3")) return /^[0-9]/.test(picture) ? [picture[0]!, picture] : [picture];
  if (/^\p{Regional_Indicator}/u.test(picture)) return [picture];
  const parts = picture.split(JOINER).map((part) => Array.from(part));
  return parts.length === 1 ? parts[0]! : [...parts.flat(), parts.map(([base]) => base).join(JOINER)];
}

function pictured(text: string): Word {
  const isDigit = text.length === 1 && IS_ASCII.test(text);
  return { ...written(text, COMPANY.spaced), bare: isDigit ? text : undefined };
}

function written(text: string, company: number, syllabic = false): Word {
  return { text, plainer: [], inPairs: text, company, bare: text, syllabic };
}

/** A word that has no accents. */
function plain(word: string): Word {
  const plainer = SIGNS.test(word) ? [word.replace(SIGNS, "")] : [];
  return { text: word, plainer, inPairs: word, company: COMPANY.spaced, bare: word, syllabic: false };
}

function spelled(word: string): Word {
  const bare = plainSpelling(word);
  const { plainer } = plain(bare);
  return {
    text: word,
    plainer: bare === word ? plainer : [bare, ...plainer],
    inPairs: bare,
    company: COMPANY.spaced,
    bare,
    syllabic: false,
  };
}
