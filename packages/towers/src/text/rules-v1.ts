/** How words were read up to format version 4 of the towers. Indexes of then are read by these rules for good. */
import { firstPoints, type Rules } from "./word.ts";

const WORD = /[\p{L}\p{M}\p{N}]+|\p{Extended_Pictographic}/gu;
const ACCENT = /[\u0300-\u036f]/g;
const SYLLABIC = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/** Lower case, compatibility-composed form of a text: full-width letters and ligatures become plain ones. */
function normalizeText(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

export const readByV1: Rules = (text, maxChars) =>
  (firstPoints(normalizeText(text), maxChars).match(WORD) ?? []).map((word) => {
    const bare = word.normalize("NFD").replace(ACCENT, "").normalize("NFC");
    return { text: word, plainer: [], inPairs: word, company: 0, bare, syllabic: SYLLABIC.test(bare) };
  });
