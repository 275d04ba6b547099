import { continueHash, fnv1a32 } from "./hash.ts";
import { readByV1 } from "./rules-v1.ts";
import { readByV2 } from "./rules-v2.ts";
import type { Rules, Word } from "./word.ts";

/** How text becomes hashed features. Travels in the artifact, so that trainer and Worker agree. */
export interface TokenizerConfig {
  /** Rules by which words are read, 1 or 2; 1 where an older index says nothing. */
  readonly version?: number | undefined;
  /** Shortest character n-gram taken inside a word, in code points. */
  readonly minGram: number;
  /** Longest character n-gram; 0 turns n-grams off and leaves whole words. */
  readonly maxGram: number;
  /** Code points read from one text; the rest is ignored, so that cost is bounded. */
  readonly maxChars: number;
}

// what a feature's text begins with, hashed, so that a word is not taken for an n-gram
const [WORD, PAIR, GRAM] = [fnv1a32("w"), fnv1a32("p"), fnv1a32("g")] as const;
const SURROGATE = /[\ud800-\udfff]/;

/** Rules by version; the last are those of new trainings. */
const RULES: readonly (Rules | undefined)[] = [undefined, readByV1, readByV2];
export const TOKENIZER_VERSION = RULES.length - 1;

export const DEFAULT_TOKENIZER = { version: TOKENIZER_VERSION, minGram: 3, maxGram: 4, maxChars: 512 } as const;

/** The words of a text by the newest rules, in order, duplicates kept. */
export function words(text: string, maxChars: number = DEFAULT_TOKENIZER.maxChars): string[] {
  return RULES[TOKENIZER_VERSION]!(text, maxChars).map((word) => word.text);
}

/**
 * The hashed features of a text: each word, its spellings without accents or signs, each pair of neighbouring words of
 * one writing, and the character n-grams of each word between boundary marks with accents taken off, so that "gateau"
 * meets "gâteau" (of a word in Chinese, Japanese or Korean: its characters and pairs). Hashes are 32-bit; a feature
 * that occurs twice is listed twice.
 * @throws RangeError for a version that is not known
 */
export function textFeatures(text: string, config: TokenizerConfig = DEFAULT_TOKENIZER): Uint32Array {
  const { version = 1, maxGram, maxChars } = config;
  const read = RULES[version];
  if (!read) throw new RangeError(`[towers] "version" expected 1 to ${TOKENIZER_VERSION}, got ${version}`);
  const hashes: number[] = [];
  let previous: Word | undefined;
  for (const word of read(text, maxChars)) {
    hashes.push(continueHash(WORD, word.text));
    for (const spelling of word.plainer) hashes.push(continueHash(WORD, spelling));
    if (previous?.company === word.company)
      hashes.push(continueHash(continueHash(continueHash(PAIR, previous.inPairs), " "), word.inPairs));
    previous = word;
    if (maxGram > 0 && word.bare !== undefined) pushGrams(hashes, word.bare, word.syllabic, config);
  }
  return Uint32Array.from(hashes);
}

function pushGrams(hashes: number[], bare: string, syllabic: boolean, { minGram, maxGram }: TokenizerConfig): void {
  const marked = syllabic ? bare : `^${bare}$`;
  const shortest = syllabic ? 1 : minGram;
  const longest = syllabic ? 2 : maxGram;
  // n-grams are of code points; nearly always each is one code unit
  const starts = SURROGATE.test(marked) ? startsOf(marked) : undefined;
  const count = starts ? starts.length - 1 : marked.length;
  for (let n = shortest; n <= longest; n++) {
    for (let i = 0; i + n <= count; i++) {
      hashes.push(starts ? continueHash(GRAM, marked, starts[i], starts[i + n]) : continueHash(GRAM, marked, i, i + n));
    }
  }
}

/** Where each code point begins, and the end. */
function startsOf(text: string): number[] {
  let at = 0;
  return [0, ...Array.from(text, (point) => (at += point.length))];
}
