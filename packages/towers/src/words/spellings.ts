/** How the catalogue itself spells its terms. */
import type { Item } from "@poeem/pq-core";
import { COMPANY, readByV2 } from "../text/rules-v2.ts";

/** Of a run of syllables what is of one script: of "赤いジャケット" also ジャケット. */
const ONE_SCRIPT =
  /[\p{Script=Katakana}\u30fc]{2,}|\p{Script=Han}{2,}|[\p{Script=Hiragana}\u30fc]{2,}|\p{Script=Hangul}{2,}/gu;

/** Words of an item's texts in lower case, by their plain spelling; what comes first in the title counts first. */
export function spellingsOf({ fields }: Item): Map<string, string> {
  const found = new Map<string, string>();
  const add = (plain: string, spelled: string): void => {
    if (!found.has(plain)) found.set(plain, spelled);
  };
  const { title, ...others } = fields ?? {};
  for (const value of [title, ...Object.values(others)].flat()) {
    if (typeof value !== "string") continue;
    for (const { inPairs, text, company } of readByV2(value, MAX_CHARS)) {
      add(inPairs, text);
      if (company === COMPANY.syllabic) for (const part of text.match(ONE_SCRIPT) ?? []) add(part, part);
    }
  }
  return found;
}

/** Code points of a field that are read. */
const MAX_CHARS = 1024;
