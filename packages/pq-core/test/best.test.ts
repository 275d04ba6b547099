import fc from "fast-check";
import { expect, it } from "vitest";
import { findBest } from "../src/words/best.ts";
import { DecodedReader, type Postings } from "../src/words/postings.ts";
import { type Choice, Sums } from "../src/words/sums.ts";
import { random } from "./support.ts";

const MAX_TIED = 256;

function postingsOf(ordinals: readonly number[], impacts: readonly number[]): Postings {
  const all = { ordinals: Uint32Array.from(ordinals), impacts: Uint8Array.from(impacts) };
  const of = new Map(ordinals.map((ordinal, i) => [ordinal, impacts[i]!]));
  return {
    count: ordinals.length,
    all: () => all,
    reader: () => new DecodedReader(all),
    at: (some) => Uint8Array.from(some, (ordinal) => of.get(ordinal) ?? 0),
    mark: () => undefined,
  };
}

/** Words with terms that few or many items have, the weightiest first. */
function drawWords(n: number, numWords: number, next: () => number): Choice[][] {
  return Array.from({ length: numWords }, (_, w) => {
    const choices = Array.from({ length: 1 + Math.floor(next() * 4) }, (_, t) => {
      const share = next() ** 4;
      const ordinals = Array.from({ length: n }, (_, i) => i).filter(() => next() < share);
      // few impacts: many items tie
      const most = next() < 0.5 ? 2 : 15;
      const impacts = ordinals.map(() => 1 + Math.floor(next() * most));
      const weight = 1 + Math.floor(next() * 1000);
      return { term: `${w}.${t}`, postings: postingsOf(ordinals, impacts), weight, certain: weight };
    });
    return choices.filter(({ postings }) => postings.count > 0).sort((a, b) => b.weight - a.weight);
  }).filter((word) => word.length > 0);
}

it("the best are those that brute force finds, whatever is skipped and looked up", () => {
  fc.assert(
    fc.property(
      fc.record({
        n: fc.constantFrom(1, 63, 64, 65, 700, 3000),
        numWords: fc.integer({ min: 0, max: 5 }),
        most: fc.constantFrom(1, 5, 30, 300),
        window: fc.constantFrom(64, 1000, undefined),
        minSkipped: fc.constantFrom(0, 8, 100, undefined),
        isFiltered: fc.boolean(),
        seed: fc.nat(),
      }),
      ({ n, numWords, most, window, minSkipped, isFiltered, seed }) => {
        const next = random(seed);
        const words = drawWords(n, numWords, next);
        const passing = isFiltered ? new Set(Array.from({ length: n }, (_, i) => i).filter(() => next() < 0.6)) : null;
        const passes = passing === null ? undefined : (ordinal: number) => passing.has(ordinal);
        const others = Uint32Array.from({ length: n }, (_, i) => i).filter(() => next() < 0.02);
        const sumOf = (ordinal: number): number =>
          words.reduce(
            (sum, word) =>
              sum + Math.max(...word.map(({ postings, weight }) => weight * postings.at(Uint32Array.of(ordinal))[0]!)),
            0,
          );
        const all = Array.from({ length: n }, (_, ordinal) => ({ ordinal, sum: sumOf(ordinal) }));
        const ranked = all
          .filter(({ ordinal, sum }) => sum > 0 && (passing?.has(ordinal) ?? true))
          .sort((a, b) => b.sum - a.sum || a.ordinal - b.ordinal);
        const last = ranked[most - 1]?.sum ?? 0;
        const wanted = ranked.filter(({ sum }) => sum >= last).slice(0, Math.max(most, MAX_TIED));
        const sums = new Sums(n, window);
        // twice: what one search leaves behind would spoil the next
        for (let round = 0; round < 2; round++) {
          const found = findBest(words, n, most, others, sums, passes, minSkipped);
          expect([...found.best].sort(([a], [b]) => a - b)).toEqual(
            wanted.map(({ ordinal, sum }) => [ordinal, sum]).sort((a, b) => a[0]! - b[0]!),
          );
          expect([...found.sums]).toEqual(Array.from(others, sumOf));
        }
      },
    ),
    { numRuns: 300, seed: 9 },
  );
});

it("looks up no more than a quarter of what it need not read, however many words there are", () => {
  let looked = 0;
  for (let seed = 0; seed < 40; seed++) {
    const next = random(seed);
    const n = 3001;
    let lookUps = 0;
    const words = drawWords(n, 2 + Math.floor(next() * 20), next).map((word) =>
      word.map((choice) => {
        const at = (ordinals: Uint32Array) => {
          lookUps += ordinals.length;
          return choice.postings.at(ordinals);
        };
        return { ...choice, postings: { ...choice.postings, at } };
      }),
    );
    const size = words.flat().reduce((sum, { postings }) => sum + postings.count, 0);
    findBest(words, n, 10, new Uint32Array(0), new Sums(n, 1000), undefined, 8);
    expect(lookUps, `${seed}`).toBeLessThanOrEqual(size / 4);
    looked += lookUps;
  }
  expect(looked).toBeGreaterThan(0);
});
