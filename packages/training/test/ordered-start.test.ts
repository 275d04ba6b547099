import { expect, it } from "vitest";
import { toCsr } from "../src/data/csr.ts";
import { orderedStart } from "../src/model/ordered-start.ts";

const COUNT = 24;
const DIM = 16;

/** W of the definition, in plain loops, scaled by its rows and columns. */
function scaledMatrix(histories: readonly number[][]): number[][] {
  const w = Array.from({ length: COUNT }, () => new Array<number>(COUNT).fill(0));
  for (const list of histories) {
    for (let a = 0; a < list.length; a++) {
      for (let gap = 1; gap <= 8 && a + gap < list.length; gap++) {
        const weight = 0.8 ** (gap - 1) / Math.sqrt(list.length);
        w[list[a]!]![list[a + gap]!]! += weight;
        w[list[a + gap]!]![list[a]!]! += 0.3 * weight;
      }
    }
  }
  const rows = w.map((row) => row.reduce((sum, value) => sum + value, 0) ** -0.5);
  const columns = w.map((_, j) => w.reduce((sum, row) => sum + row[j]!, 0) ** -0.25);
  return w.map((row, i) => row.map((value, j) => value * rows[i]! * columns[j]!));
}

// walks along a ring of items, longer than the window
const HISTORIES = Array.from({ length: 120 }, (_, user) =>
  Array.from({ length: 3 + (user % 10) }, (_, step) => (user * 7 + step * (user % 5 === 0 ? 5 : 1)) % COUNT),
);

it("has the singular vectors of which item follows which, as repeated multiplication by that matrix does", () => {
  const matrix = scaledMatrix(HISTORIES);
  const times = (x: number[], transposed: boolean): number[] =>
    x.map((_, i) => x.reduce((sum, value, j) => sum + value * (transposed ? matrix[j]![i]! : matrix[i]![j]!), 0));
  let right = Array.from({ length: COUNT }, (_, i) => 1 + (i % 3));
  for (let round = 0; round < 2000; round++) {
    right = times(times(right, false), true);
    const norm = Math.hypot(...right);
    right = right.map((value) => value / norm);
  }
  // in one dimension every unit row is the sign of the leading right vector, which is positive
  const { items, source } = orderedStart(toCsr(HISTORIES), COUNT, 1, 3);
  const signs = right.map((value, i) => Math.sign(value) * items[i]!);
  expect(Math.abs(signs.reduce((sum, value) => sum + value, 0))).toBe(COUNT);
  expect(Math.abs(source[0]!)).toBeGreaterThan(0.9);
});

it("points from an item to what follows it, not to what came before", () => {
  const { items, source } = orderedStart(toCsr(HISTORIES), COUNT, DIM, 1);
  let [forward, backward] = [0, 0];
  for (let item = 0; item < COUNT; item++) {
    const row = items.subarray(item * DIM, (item + 1) * DIM);
    expect(Math.hypot(...row)).toBeCloseTo(1, 5);
    const mapped = Array.from(row, (_, d) => row.reduce((sum, x, k) => sum + x * source[k * DIM + d]!, 0));
    const scoreOf = (other: number): number =>
      mapped.reduce((sum, x, d) => sum + x * items[((other + COUNT) % COUNT) * DIM + d]!, 0);
    forward += scoreOf(item + 1) / COUNT;
    backward += scoreOf(item - 1) / COUNT;
  }
  expect(forward).toBeGreaterThan(backward + 0.2);
});
