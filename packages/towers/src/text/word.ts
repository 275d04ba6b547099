/** A word as features are made of it. */
export interface Word {
  /** As `words` lists it. */
  readonly text: string;
  /** Plainer spellings that are features as well: "gateau" of "gâteau", "c" of "c++". */
  readonly plainer: readonly string[];
  /** What pairs with its neighbours are made of. */
  readonly inPairs: string;
  /** Neighbours make a pair when these are equal. */
  readonly company: number;
  /** What n-grams are made of; undefined of a picture, which has none. */
  readonly bare: string | undefined;
  /** Whether one character says as much as a syllable or a word elsewhere: Han, Kana, Hangul. */
  readonly syllabic: boolean;
}

/** Reads the first `maxChars` code points of a text, normalized, as words. */
export type Rules = (text: string, maxChars: number) => Word[];

/** At most `most` code points of a text. */
export function firstPoints(text: string, most: number): string {
  if (text.length <= most) return text;
  return Array.from(text.slice(0, 2 * most))
    .slice(0, most)
    .join("");
}
