import type { WordQuery } from "../src/words/index.ts";
import { random } from "./support.ts";
import type { WordsOfItem } from "./word-rows.ts";

/** Letters of made-up words: few, so that many words are alike. */
const LETTERS = "abcdé";

export function randomWord(next: () => number, longest = 7): string {
  return Array.from({ length: 1 + Math.floor(next() * longest) }, () => LETTERS[Math.floor(next() * 5)]).join("");
}

/** Items with words of a Zipf-like distribution. */
export function randomItems(n: number, vocabulary: readonly string[], seed: number): WordsOfItem[] {
  const next = random(seed);
  return Array.from({ length: n }, () => {
    const terms = new Map<string, number>();
    for (let i = Math.floor(next() * 9); i > 0; i--)
      terms.set(vocabulary[Math.floor(next() ** 3 * vocabulary.length)]!, 1 + Math.floor(next() * 15));
    return { terms, names: next() < 0.2 ? [Math.floor(next() * 5)] : [] };
  });
}

/** A query of known and unknown words, some with several alternatives. */
export function randomQuery(vocabulary: readonly string[], next: () => number): WordQuery {
  const word = (): string => (next() < 0.1 ? "unknown" : vocabulary[Math.floor(next() ** 2 * vocabulary.length)]!);
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: Math.floor(next() * (most + 1)) }, make);
  return {
    words: some(5, () => ({
      alternatives: some(4, word).map((term, i) => ({
        term,
        likeness: i === 0 && next() < 0.7 ? 1 : 0.1 + next() * 0.8,
        ...(next() < 0.3 && { certainty: 0.1 + next() * 0.9 }),
      })),
    })),
    required: next() < 0.3 ? some(2, () => [word(), ...some(2, word)]) : [],
    excluded: next() < 0.3 ? some(2, () => (next() < 0.5 ? word() : [word(), ...some(2, word)])) : [],
    named: new Uint32Array(0),
  };
}

/** The definition of the share, its coverage and the terms that are there, in plain loops. */
export function plainShare(
  item: WordsOfItem,
  query: WordQuery,
  numItems: number,
  countOf: (term: string) => number,
): { share: number; coverage: number; matched: Set<string> } {
  const idf = (count: number): number => {
    const known = Math.min(count, numItems);
    return Math.log(1 + (numItems - known + 0.5) / (known + 0.5));
  };
  let whole = 0;
  let share = 0;
  let coverage = 0;
  const matched = new Set<string>();
  for (const { alternatives } of query.words) {
    const known = alternatives.filter(({ term }) => countOf(term) > 0);
    const most = Math.max(...known.map(({ likeness }) => likeness));
    const own = idf(known.length === 0 ? 0 : countOf(known.find(({ likeness }) => likeness === most)!.term));
    whole += own;
    let best = 0;
    let has = 0;
    for (const { term, likeness, certainty = likeness } of known) {
      const impact = item.terms.get(term) ?? 0;
      if (impact === 0) continue;
      const least = Math.min(own, idf(countOf(term)));
      best = Math.max(best, (likeness * least * impact) / 15);
      has = Math.max(has, certainty * least);
      matched.add(term);
    }
    share += best;
    coverage += has;
  }
  return whole === 0
    ? { share: 0, coverage: 0, matched }
    : { share: share / whole, coverage: coverage / whole, matched };
}

/** Whether an item has what is required, and nothing of what is excluded. */
export function isAllowed(item: WordsOfItem, { required, excluded }: WordQuery): boolean {
  return (
    required.every((terms) => terms.some((term) => item.terms.has(term))) &&
    !excluded.some((terms) => [terms].flat().every((term) => item.terms.has(term)))
  );
}
