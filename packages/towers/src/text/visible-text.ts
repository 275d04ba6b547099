/**
 * What there is to see of a text, in the one spelling that all of its spellings have: composed, lower case, plain
 * digits.
 */

/**
 * Characters that nobody sees: variation selectors, joiners, soft hyphens, marks of direction, Hangul fillers. But a
 * joiner between two pictures and the tags of a flag make another picture of them ($1); and a zero-width space stands
 * between words, in Thai and Khmer.
 */
const INVISIBLE = new RegExp(
  "((?<=[\\p{Extended_Pictographic}\\p{Emoji_Modifier}\\ufe0f])\\u200d(?=\\p{Extended_Pictographic})" +
    "|(?<=\\u{1f3f4})[\\u{e0030}-\\u{e0039}\\u{e0061}-\\u{e007a}]{1,16}\\u{e007f})" +
    "|(?!\\u200b)\\p{Default_Ignorable_Code_Point}",
  "gu",
);

const IS_INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;

/** They stand alone although no blank says so: keycaps, ™ (which is "tm" below), №, fractions, numbers in circles. */
const APART = /[0-9#*]\u20e3|[™℠№¼-¾⅐-⅟↉①-⒛]/gu;

/** To compose a text takes time in the square of the longest run of marks; more than 30 are no writing (UAX 15). */
const MANY_MARKS = /(\p{M}{30})\p{M}+/gu;

/**
 * Signs that a text is usually written without: tatweel, vowel and Quranic signs of Arabic, points and cantillation of
 * Hebrew. After composition, so that hamza and madda are still parts of their letters.
 */
const OPTIONAL = new RegExp(
  "[\\u0640\\u0610-\\u061a\\u064b-\\u065f\\u0670\\u06d6-\\u06dc\\u06df-\\u06e4\\u06e7\\u06e8\\u06ea-\\u06ed" +
    "\\u08ca-\\u08e1\\u08e3-\\u08ff\\u0591-\\u05bd\\u05bf\\u05c1\\u05c2\\u05c4\\u05c5\\u05c7]",
  "g",
);

/** The dot that lower case leaves on the i of "İ", final sigma, the sharp of "C♯", letters used as apostrophes. */
const VARIANTS = /i\u0307|[ς♯\u02b9-\u02bf]/g;
const VARIANT: Readonly<Record<string, string>> = { "i\u0307": "i", ς: "σ", "♯": "#" };

const OTHER_DIGIT = /[^\P{Nd}0-9]/gu;
const DIGIT = /\p{Nd}/u;

/** Most texts are of Latin, Greek, Cyrillic, Han, Kana or Hangul alone, where the rest finds nothing to do. */
const IS_COMMON = new RegExp(
  "^[\\0-\\xa8\\xaa-\\xac\\xaf-\\xbb\\xbf-\\u02ff\\u0370-\\u0482\\u048a-\\u052f\\u1e00-\\u1fff\\u2010-\\u2027" +
    "\\u3000-\\u3029\\u3041-\\u3096\\u309b-\\u30ff\\u3400-\\u9fff\\uac00-\\ud7a3\\uff00-\\uff9f]*$",
);

/** Invisible characters taken out, compatibility-composed, lower case, with ASCII digits. */
export function visibleText(text: string): string {
  const lower = IS_COMMON.test(text) ? text.normalize("NFKC").toLowerCase() : lowerText(text);
  return lower.replace(VARIANTS, (found) => VARIANT[found] ?? "'");
}

function lowerText(text: string): string {
  // most texts have none, and to find that out is cheap this way
  const seen = IS_INVISIBLE.test(text) ? text.replace(INVISIBLE, "$1") : text;
  return seen
    .replace(APART, " $& ")
    .replace(MANY_MARKS, "$1")
    .normalize("NFKC")
    .toLowerCase()
    .normalize("NFC") // "J̌" has no composed form, its lower case has
    .replace(OPTIONAL, "")
    .replace(OTHER_DIGIT, asciiDigit);
}

/** Digits of a script are ten in a row from its zero; where two scripts' are side by side, the second starts over. */
function asciiDigit(digit: string): string {
  const point = digit.codePointAt(0)!;
  let zero = point;
  while (DIGIT.test(String.fromCodePoint(zero - 1))) zero--;
  return String((point - zero) % 10);
}
