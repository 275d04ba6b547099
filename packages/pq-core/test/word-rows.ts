import type { ItemWords } from "../src/words/index.ts";
import { random } from "./support.ts";

/** Words of one item as tests write them: term → impact, and hashes of names. */
export interface WordsOfItem {
  readonly terms: ReadonlyMap<string, number>;
  readonly names: readonly number[];
}

/** As a writer takes them. `seed` orders the terms, which must make no difference. */
export function toItemWords(items: readonly WordsOfItem[], seed = 1): ItemWords {
  const next = random(seed);
  const terms = [...new Set(items.flatMap((item) => [...item.terms.keys()]))];
  const ranks = new Map(terms.map((term) => [term, next()]));
  terms.sort((a, b) => ranks.get(a)! - ranks.get(b)!);
  const numberOf = new Map(terms.map((term, number) => [term, number]));
  const starts = (lengths: readonly number[]): Uint32Array => {
    const offsets = new Uint32Array(lengths.length + 1);
    for (const [i, length] of lengths.entries()) offsets[i + 1] = offsets[i]! + length;
    return offsets;
  };
  return {
    terms,
    offsets: starts(items.map((item) => item.terms.size)),
    numbers: Uint32Array.from(items.flatMap((item) => [...item.terms.keys()].map((term) => numberOf.get(term)!))),
    impacts: Uint8Array.from(items.flatMap((item) => [...item.terms.values()])),
    nameOffsets: starts(items.map(({ names }) => names.length)),
    names: Uint32Array.from(items.flatMap(({ names }) => names)),
  };
}

/** The way back: names ascending, each once. */
export function fromItemWords(words: ItemWords): WordsOfItem[] {
  const { terms, offsets, numbers, impacts, nameOffsets, names } = words;
  return Array.from({ length: offsets.length - 1 }, (_, item) => {
    const own = Array.from(numbers.subarray(offsets[item], offsets[item + 1]), (number, i): [string, number] => [
      terms[number]!,
      impacts[offsets[item]! + i]!,
    ]);
    return {
      terms: new Map(own.sort(([a], [b]) => (a < b ? -1 : 1))),
      names: [...new Set(names.subarray(nameOffsets[item], nameOffsets[item + 1]))].sort((a, b) => a - b),
    };
  });
}

/** Terms of scripts with one to four bytes a letter, beginnings of each other among them. */
export const TERMS = [
  ..."a b ab abc abcd red reds 100 ab1234x é été élan über ж жук жуки 日 日本 日本語 ﬀ \uffee \ue000 😀 😀a 𝒳".split(
    " ",
  ),
  "x".repeat(128),
];

/** n items, a term of rank r in about one of r + 1. */
export function randomWords(n: number, seed: number, terms: readonly string[] = TERMS): WordsOfItem[] {
  const next = random(seed);
  return Array.from({ length: n }, () => ({
    terms: new Map(
      terms.filter((_, rank) => next() * (rank + 1) < 1).map((term) => [term, 1 + Math.floor(next() * 15)]),
    ),
    names: Array.from({ length: Math.floor(next() * 3) }, () => [7, 8, 0, 0xffff_ffff][Math.floor(next() * 4)]!),
  }));
}
