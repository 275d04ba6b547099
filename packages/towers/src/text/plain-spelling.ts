/** Letters that have no accent to take off, and what people type who lack the key. */
const TYPED_AS: Readonly<Record<string, string>> = {
  // Latin
  ß: "ss",
  æ: "ae",
  œ: "oe",
  þ: "th",
  ø: "o",
  ł: "l",
  đ: "d",
  ð: "d",
  ɖ: "d",
  ɗ: "d",
  ħ: "h",
  ŧ: "t",
  ŋ: "n",
  ı: "i",
  ə: "e",
  ɛ: "e",
  ɔ: "o",
  ɓ: "b",
  ƙ: "k",
  ɣ: "g",
  ƶ: "z",
  // Arabic: alef wasla, alef maqsura, Persian yeh and kaf, teh marbuta
  "\u0671": "\u0627",
  "\u0649": "\u064a",
  "\u06cc": "\u064a",
  "\u06a9": "\u0643",
  "\u0629": "\u0647",
};
const LETTER = new RegExp(`[${Object.keys(TYPED_AS).join("")}]`, "g");

/**
 * Accents of Latin, Greek and Cyrillic, hamza and madda of Arabic: vowel signs of Indic scripts carry the word itself.
 */
const ACCENT = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]|[\u0653-\u0655]/g;

/**
 * A word as it is typed without accents: "gateau" for "gâteau", "strasse" for "straße", "lodz" for "łódź". It is no
 * translation: "ä" becomes "a", as with a keyboard that lacks it, not "ae".
 *
 * @param word composed (NFC), in lower case
 */
export function plainSpelling(word: string): string {
  return word
    .normalize("NFD")
    .replace(ACCENT, "")
    .replace(LETTER, (letter) => TYPED_AS[letter]!)
    .normalize("NFC");
}
