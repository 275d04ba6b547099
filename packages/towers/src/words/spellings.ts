/** How the catalogue itself spells its terms. */
import type { Item } from "@poeem/pq-core";
import { COMPANY, readByV2 } from "../text/rules-v2.ts";

/** Of a run of syllables what is of one script: of "赤いジャケット" also ジャケット. */
const ONE_SCRIPT =
  /[\p{Script=Katakana}\u30fc]{2,}|\p{Script=Han}{2,}|[\p{Script=Hiragana}\u30fc]{2,}|\p{Script=Hangul}{2,}/gu;
/** Code points of a field that are read. */
const MAX_CHARS = 1024;

/** A word of an item, and its plain spelling. */
export interface Spelled {
  readonly plain: string;
  /** In lower case. */
  readonly text: string;
}

/** The words of an item's texts, those of the title first. */
export function* spelledWords({ fields }: Item): Generator<Spelled> {
  const { title, ...others } = fields ?? {};
  for (const value of [title, ...Object.values(others)].flat()) {
    if (typeof value !== "string") continue;
    for (const { inPairs, text, company } of readByV2(value, MAX_CHARS)) {
      yield { plain: inPairs, text };
      if (company === COMPANY.syllabic)
        for (const part of text.match(ONE_SCRIPT) ?? []) yield { plain: part, text: part };
    }
  }
}

/** A term as an item spells it; itself where the item does not have it as a word. */
export function spellingIn(item: Item, term: string): string {
  for (const { plain, text } of spelledWords(item)) if (plain === term) return text;
  return term;
}
