import { readByV2 } from "./rules-v2.ts";
import { visibleText } from "./visible-text.ts";

/**
 * What all spellings of one text have in common: its words without accents, by the newest rules whatever an index was
 * made with. Case, width, accents, invisible characters and punctuation do not count, nor whether "ß" is "ss". Of a
 * text without words, such as "€", the text itself in lower case; "" of one in which nothing is to be seen.
 */
export function normalForm(text: string): string {
  const words = readByV2(text, Infinity);
  if (words.length > 0) return words.map(({ inPairs }) => inPairs).join(" ");
  return visibleText(text).trim().replace(/\s+/g, " ");
}
