/** Made-up texts of items for `words.ts`: words of a Zipf distribution, and a query tower that knows them. */
import type { ItemWords, WordFacts } from "@poeem/pq-core/words";
import { DEFAULT_TOKENIZER, quantizeTable, TERM_RULES, textFeatures, writeQueryTower } from "@poeem/towers";

export const wordFacts: WordFacts = { rules: TERM_RULES, dense: 1, words: 1, near: [0.2, 0.8] };

const wordsInText = 9;
/** Words whose features the tower has rows for: the most frequent ones. */
const knownWords = 8000;
const onsets = "b br c ch d f g h k l m n p r s st t tr v w".split(" ");
const vowels = "a e i o u ai ea ou".split(" ");
const ends = ["", "n", "r", "s", "ing", "er", "ed"];

export interface Texts {
  readonly words: ItemWords;
  readonly queryTower: Uint8Array;
  /** One to five words of an item's text; deterministic. */
  query(i: number): string;
}

/** @param random uniform in [0, 1) */
export function makeTexts(numItems: number, dim: number, random: () => number): Texts {
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const known = new Set<string>();
  const numTerms = Math.min(150_000, Math.ceil(numItems / 4));
  while (known.size < numTerms) {
    let word = "";
    for (let syllables = 1 + Math.floor(random() * 3); syllables > 0; syllables--) word += one(onsets) + one(vowels);
    known.add(word + one(ends));
  }
  const terms = [...known];
  const offsets = new Uint32Array(numItems + 1);
  const numbers = new Uint32Array(numItems * wordsInText);
  let end = 0;
  for (let item = 0; item < numItems; item++) {
    const own = new Set<number>();
    // the last of a text is rare
    for (let w = 1; w < wordsInText; w++) own.add(Math.floor(numTerms ** random()) - 1);
    own.add(Math.floor(random() * numTerms));
    for (const number of own) numbers[end++] = number;
    offsets[item + 1] = end;
  }
  const features = new Set(terms.slice(0, knownWords).flatMap((term) => [...textFeatures(term)]));
  const vocabulary = Uint32Array.from(features).sort();
  const table = quantizeTable(
    Float32Array.from({ length: vocabulary.length * dim }, () => random() - 0.5),
    vocabulary,
    dim,
  );
  const identity = Float32Array.from({ length: dim * dim }, (_, i) => Number(i % (dim + 1) === 0));
  return {
    words: {
      ...{ terms, offsets, numbers: numbers.slice(0, end) },
      impacts: Uint8Array.from({ length: end }, () => 4 + Math.floor(random() * 8)),
      nameOffsets: new Uint32Array(numItems + 1),
      names: new Uint32Array(0),
    },
    queryTower: writeQueryTower({
      width: dim,
      inputs: [{ kind: "text", tokenizer: DEFAULT_TOKENIZER, table }],
      layers: [{ inputDim: dim, outputDim: dim, weights: identity, bias: new Float32Array(dim) }],
      skip: false,
    }),
    query(i) {
      const item = (i * 7919) % numItems;
      const own = numbers.subarray(offsets[item]!, offsets[item + 1]!);
      return Array.from({ length: 1 + (i % 5) }, (_, w) => terms[own[(i + w) % own.length]!]!).join(" ");
    },
  };
}
