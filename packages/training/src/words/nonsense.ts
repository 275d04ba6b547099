import type { Random } from "@poeem/indexing-layer";
import type { Words } from "@poeem/pq-core/words";
import { indexTerms } from "@poeem/towers";

/** Terms whose letters make nonsense. */
const SAMPLE = 4096;
const [SHORTEST, LONGEST] = [6, 10];
/** Tries for each word that is wanted: what is known is thrown away. */
const TRIES = 20;

/**
 * Words that nobody means: each letter follows the two before it as it does in some term, or else is any letter of the
 * terms. None is a term or like one, nor is a part of it.
 */
export function nonsenseWords(words: Words, terms: readonly string[], wanted: number, random: Random): string[] {
  const letters = terms.filter((term) => /^\p{L}{3,}$/u.test(term));
  if (letters.length === 0) return [];
  const sample = Array.from({ length: SAMPLE }, () => [...letters[random.integer(letters.length)]!]);
  const after = new Map<string, string[]>();
  for (const term of sample)
    for (let at = 2; at < term.length; at++) {
      const before = term[at - 2]! + term[at - 1]!;
      const next = after.get(before);
      if (next) next.push(term[at]!);
      else after.set(before, [term[at]!]);
    }
  const anyOf = <T>(list: readonly T[]): T => list[random.integer(list.length)]!;
  const anyLetter = (): string => anyOf(anyOf(sample));
  const isKnown = (word: string): boolean =>
    indexTerms(word).some((term) => words.count(term) > 0 || words.near(term, 1, true).length > 0);
  const made = new Set<string>();
  for (let tries = 0; tries < TRIES * wanted && made.size < wanted; tries++) {
    // words of a script with many letters are made of parts that are known, unless they are of any letters
    const isLoose = tries > (TRIES * wanted) / 2;
    const word = isLoose ? [anyLetter(), anyLetter()] : anyOf(sample).slice(0, 2);
    const length = SHORTEST + random.integer(LONGEST - SHORTEST + 1);
    while (word.length < length) {
      const next = isLoose ? undefined : after.get(word.at(-2)! + word.at(-1)!);
      word.push(next ? anyOf(next) : anyLetter());
    }
    const text = word.join("");
    if (!isKnown(text)) made.add(text);
  }
  return [...made];
}
