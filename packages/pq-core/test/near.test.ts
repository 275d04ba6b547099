import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openWords, type Words } from "../src/words/index.ts";
import { writeArtifact } from "../src/write.ts";
import { randomWord } from "./hybrid-model.ts";
import { openWhole } from "./open-whole.ts";
import { memorySource, random, randomCodebook, randomCodes } from "./support.ts";
import { TERMS, toItemWords } from "./word-rows.ts";

const next = random(8);
/** Like each other in many ways, of repeated letters among them, and in the letters of several scripts. */
const terms = [
  ...new Set([
    ...TERMS,
    ..."aaaa aaaaa abab ababab baba jacket jackets jakcet jacke packet racket ab1234x red reed trousers backpack".split(
      " ",
    ),
    ...Array.from({ length: 400 }, () => randomWord(next)),
    // So many that lists of the last of their 3-grams are too long to be gone through.
    ...Array.from({ length: 1200 }, () => `${randomWord(next, 4)}${randomWord(next, 2)}ing`),
  ]),
];
const items = terms.flatMap((term, t) =>
  Array.from({ length: 1 + (t % 4) }, () => ({ terms: new Map([[term, 3]]), names: [] })),
);
const countOf = new Map(terms.map((term, t) => [term, 1 + (t % 4)]));

async function openTerms(): Promise<Words> {
  const codebook = randomCodebook({ dim: 4, M: 1, nbits: 4, nlist: 0 }, 1);
  const artifact = await writeArtifact({
    codebook,
    ...randomCodes(codebook, items.length, 2),
    ids: Uint32Array.from(items.keys()),
    words: toItemWords(items),
    wordFacts: { rules: 1, dense: 1, words: 1 },
  });
  return (await openWords(await openWhole(memorySource(artifact.chunks), artifact.manifestBytes)))!;
}

const words = await openTerms();

function grams(word: string): Set<string> {
  const units = ["^", ...word.split(""), "$"];
  return new Set(Array.from({ length: word.length }, (_, i) => units.slice(i, i + 3).join("|")));
}

/** Damerau's distance with restricted transpositions, by its recurrence. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i || j));
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      rows[i]![j] = least;
    }
  }
  return rows[a.length]![b.length]!;
}

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

function expected(word: string, edits: boolean) {
  const own = grams(word);
  const all = terms.flatMap((term) => {
    const theirs = grams(term);
    const shared = [...theirs].filter((gram) => own.has(gram)).length;
    const dice = (2 * shared) / (own.size + theirs.size);
    const isEdit = edits && word.length >= 4 && distance(word, term) === 1;
    if (word === "" || (dice < 0.5 && !isEdit)) return [];
    const likeness = term === word ? 1 : Math.max(Math.min(dice ** 3, 0.99), isEdit ? 0.5 : 0);
    return [{ term, likeness, isEdit }];
  });
  return all.sort(
    (a, b) => b.likeness - a.likeness || countOf.get(b.term)! - countOf.get(a.term)! || compare(a.term, b.term),
  );
}

const asked = fc.oneof(
  fc.constantFrom(...terms),
  fc.string({ unit: fc.constantFrom(..."abcdé"), maxLength: 9 }),
  // Terms with an edit or two.
  fc.tuple(fc.constantFrom(...terms), fc.nat(), fc.constantFrom("", "a", "b", "x")).map(([term, at, letter]) => {
    const i = at % (term.length + 1);
    return term.slice(0, i) + letter + term.slice(i + (at % 2));
  }),
  fc.tuple(fc.constantFrom(...terms), fc.nat()).map(([term, at]) => {
    const i = at % term.length;
    return term.slice(0, i) + (term[i + 1] ?? "") + term[i] + term.slice(i + 2);
  }),
  fc.string({ unit: "binary", maxLength: 12 }),
);

describe("terms that are like a word", () => {
  it("are those that brute force finds, in its order", () => {
    fc.assert(
      fc.property(
        asked,
        fc.boolean(),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(0, 0.2, 0.5, 1),
        (word, edits, most, least) => {
          const found = words.near(word, most, edits, least);
          const wanted = expected(word, edits).filter(({ likeness }) => likeness >= least);
          expect(found.map(({ term, likeness, isEdit }) => ({ term, likeness, isEdit }))).toEqual(
            wanted.slice(0, most),
          );
        },
      ),
      { numRuns: 600, seed: 4 },
    );
  });

  it("are found one letter off at any place, in words of four letters or more", () => {
    for (const term of ["jacket", "aaaa", "abcd", "über"]) {
      for (let i = 0; i <= term.length; i++) {
        const typed = [`${term.slice(0, i)}q${term.slice(i)}`];
        if (i < term.length)
          typed.push(`${term.slice(0, i)}q${term.slice(i + 1)}`, term.slice(0, i) + term.slice(i + 1));
        for (const word of typed.filter(({ length }) => length >= 4))
          expect(words.near(word, 400, true)).toContainEqual(expect.objectContaining({ term, isEdit: true }));
      }
    }
  });

  it("are one edit away with two letters in each other's place, however many 3-grams are left", () => {
    for (const term of ["trousers", "backpack", "jacket"])
      for (let i = 0; i + 1 < term.length; i++) {
        const word = term.slice(0, i) + term[i + 1] + term[i] + term.slice(i + 2);
        expect(words.near(word, 400, true), word).toContainEqual(expect.objectContaining({ term, isEdit: true }));
      }
  });

  it.each([
    ["nothing", ""],
    ["one letter", "a"],
    ["half a pair", "\ud83d"],
    ["halves in the wrong order", "\ude00\ud83d"],
    ["512 equal letters", "a".repeat(512)],
    ["512 bytes of letters", "ab1".repeat(170)],
    ["zeros", "\0\0\0\0"],
    ["what a mark could be mistaken for", "^$\uffff"],
  ])("of %s: no more than brute force finds", (_, word) => {
    for (const edits of [false, true])
      expect(words.near(word, 50, edits).map(({ term }) => term)).toEqual(
        expected(word, edits)
          .slice(0, 50)
          .map(({ term }) => term),
      );
    expect(words.completions(word, 5).every((term) => term.startsWith(word))).toBe(true);
    expect(words.count(word)).toBe(countOf.get(word) ?? 0);
  });
});

describe("completions", () => {
  it("are the most frequent terms that begin so", () => {
    fc.assert(
      fc.property(asked, fc.nat(), fc.integer({ min: 1, max: 12 }), (word, cut, most) => {
        const prefix = word.slice(0, cut % (word.length + 1));
        const all = terms.filter((term) => term.startsWith(prefix));
        all.sort((a, b) => countOf.get(b)! - countOf.get(a)! || compare(a, b));
        expect(words.completions(prefix, most)).toEqual(all.slice(0, most));
      }),
      { numRuns: 300, seed: 5 },
    );
  });
});
