import { Random } from "@poeem/indexing-layer";
import { expect, it } from "vitest";
import { ExactSum } from "../src/rank/exact-sum.ts";

/** The sum of doubles that are multiples of 2^-200, in integers. */
function inIntegers(terms: readonly number[]): number {
  const scale = 2 ** 100;
  const sum = terms.reduce((total, term) => {
    const high = Math.trunc(term * scale);
    return total + (BigInt(high) << 100n) + BigInt((term * scale - high) * scale);
  }, 0n);
  return Number(sum) / scale / scale;
}

it("is the double next to the true sum, in any order of the terms", () => {
  const random = new Random(4);
  for (let trial = 0; trial < 300; trial++) {
    const terms = Array.from({ length: random.integer(40) }, () => {
      const size = 2 ** (random.integer(60) - 40);
      return (random.integer(3) === 0 ? size : random.uniform() * size) * (random.integer(4) === 0 ? -1 : 1);
    });
    const sum = new ExactSum();
    for (const term of terms) sum.add(term);
    const backwards = new ExactSum();
    for (const term of terms.toReversed()) backwards.add(term);
    expect(sum.value).toBe(inIntegers(terms) + 0);
    expect(backwards.value).toBe(sum.value);
  }
});

it("rounds what is halfway by all that is left", () => {
  for (const terms of [
    [1, 2 ** -53, 2 ** -106],
    [1, 2 ** -53, -(2 ** -106)],
    [1, 2 ** -53],
    [1 + 2 ** -52, 2 ** -53],
    [1e16, 1, 1, -1e16],
  ]) {
    const sum = new ExactSum();
    for (const term of terms) sum.add(term);
    expect(sum.value).toBe(inIntegers(terms));
  }
  expect(new ExactSum().value).toBe(0);
});
