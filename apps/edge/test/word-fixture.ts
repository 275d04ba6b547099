/** Words for test indexes: a shop of jackets, cakes and lamps, each with a code of its own. */
import type { ItemWords, WordFacts } from "@poeem/pq-core/words";
import { indexTerms, nameHash, TERM_RULES } from "@poeem/towers";

const COLOURS = ["red", "green", "blue", "yellow", "white"];
const THINGS = ["jacket", "birthday cake", "lamp", "gâteau", "rocket", "誕生日ケーキ"];

export const codeOf = (i: number) => `AB-${1000 + i}-X`;
export const colourOf = (i: number) => COLOURS[i % COLOURS.length]!;
export const thingOf = (i: number) => THINGS[Math.floor(i / COLOURS.length) % THINGS.length]!;
/** Of each colour and thing there are several, told apart by their codes. */
export const shopTitle = (i: number) => `${colourOf(i)} ${thingOf(i)} ${codeOf(i)}`;

/** What people searched most. The last has a word that no item has. */
export const POPULAR = ["White lamp", "jacket", "誕生日ケーキ", "zeppelins for sale"];

export const wordFacts: WordFacts = { rules: TERM_RULES, dense: 1, words: 8, near: [0.3, 0.9] };

/**
 * The words of titles; an impact goes by how often a word stands in its title.
 *
 * @param namesOf what an item can be called
 */
export function wordsOf(titles: readonly string[], namesOf: (i: number) => readonly string[]): ItemWords {
  const numbersOf = new Map<string, number>();
  const offsets = new Uint32Array(titles.length + 1);
  const numbers: number[] = [];
  const impacts: number[] = [];
  const nameOffsets = new Uint32Array(titles.length + 1);
  const names: number[] = [];
  for (const [i, title] of titles.entries()) {
    const counts = new Map<number, number>();
    for (const term of indexTerms(title)) {
      const number = numbersOf.get(term) ?? numbersOf.size;
      numbersOf.set(term, number);
      counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    for (const [number, count] of counts) {
      numbers.push(number);
      impacts.push(Math.min(15, 12 + count));
    }
    offsets[i + 1] = numbers.length;
    for (const name of namesOf(i)) names.push(nameHash(name)!);
    nameOffsets[i + 1] = names.length;
  }
  return {
    terms: [...numbersOf.keys()],
    offsets,
    numbers: Uint32Array.from(numbers),
    impacts: Uint8Array.from(impacts),
    nameOffsets,
    names: Uint32Array.from(names),
  };
}
