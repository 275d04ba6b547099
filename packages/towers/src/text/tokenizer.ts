import { fnv1a32 } from "./hash.ts";

/** How text becomes hashed features. Travels in the artifact, so that trainer and Worker agree. */
export interface TokenizerConfig {
  /** Shortest character n-gram taken inside a word, in code points. */
  readonly minGram: number;
  /** Longest character n-gram; 0 turns n-grams off and leaves whole words. */
  readonly maxGram: number;
  /** Code points read from one text; the rest is ignored, so that cost is bounded. */
  readonly maxChars: number;
}

export const DEFAULT_TOKENIZER: TokenizerConfig = { minGram: 3, maxGram: 4, maxChars: 512 };

// A word is a run of letters, their marks and digits; a pictograph is a word of its own, so that an emoji typed as a
// query is a feature too. Scripts written without spaces (Han, Kana, Thai…) give long runs, which the n-grams cut up.
const WORD = /[\p{L}\p{M}\p{N}]+|\p{Extended_Pictographic}/gu;

// Accents of Latin, Greek and Cyrillic only: vowel signs of Indic scripts and Arabic carry the word itself.
const ACCENT = /[\u0300-\u036f]/g;

// One character of these scripts says as much as a syllable or a word elsewhere: single characters and pairs are the
// n-grams.
const SYLLABIC = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

/** Lower case, compatibility-composed form of a text: full-width letters and ligatures become plain ones. */
export function normalizeText(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

/** The words of a text after normalization, in order, duplicates kept. */
export function words(text: string, maxChars = DEFAULT_TOKENIZER.maxChars): string[] {
  let normalized = normalizeText(text);
  if (normalized.length > maxChars) normalized = Array.from(normalized).slice(0, maxChars).join("");
  return normalized.match(WORD) ?? [];
}

/**
 * The hashed features of a text: each word, each pair of neighbouring words, and the character n-grams of each word
 * between boundary marks with accents taken off, so that "gateau" meets "gâteau" (of a word in Chinese, Japanese or
 * Korean: its characters and pairs). Hashes are 32-bit; a feature that occurs twice is listed twice.
 */
export function textFeatures(text: string, config: TokenizerConfig = DEFAULT_TOKENIZER): Uint32Array {
  const hashes: number[] = [];
  let previous: string | undefined;
  for (const word of words(text, config.maxChars)) {
    hashes.push(fnv1a32(`w${word}`));
    if (previous !== undefined) hashes.push(fnv1a32(`p${previous} ${word}`));
    previous = word;
    if (config.maxGram === 0) continue;
    const bare = word.normalize("NFD").replace(ACCENT, "").normalize("NFC");
    const syllabic = SYLLABIC.test(bare);
    const marked = syllabic ? bare : `^${bare}$`;
    // n-grams are of code points; where each is one code unit, as nearly always, the string itself is cut
    const points = Array.from(marked);
    const gram = points.length === marked.length ? marked : undefined;
    const [shortest, longest] = syllabic ? [1, 2] : [config.minGram, config.maxGram];
    for (let n = shortest; n <= longest; n++) {
      for (let i = 0; i + n <= points.length; i++) {
        hashes.push(fnv1a32(`g${gram?.slice(i, i + n) ?? points.slice(i, i + n).join("")}`));
      }
    }
  }
  return Uint32Array.from(hashes);
}
