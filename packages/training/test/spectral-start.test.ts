import { Random } from "@poeem/indexing-layer";
import { expect, it } from "vitest";
import { toCsr } from "../src/data/csr.ts";
import { spectralStart } from "../src/model/spectral-start.ts";
import { readers } from "./histories.ts";

const dot = (rows: Float32Array, dim: number, i: number, j: number): number => {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += rows[i * dim + d]! * rows[j * dim + d]!;
  return sum;
};

it("puts books that the same readers have near each other before any training", () => {
  const { dataset } = readers();
  const dim = 8;
  const rows = spectralStart(dataset.past!.items, 60, dim, 1);
  const means = { same: 0, other: 0 };
  for (let i = 0; i < 60; i++) {
    expect(dot(rows, dim, i, i)).toBeCloseTo(1, 5);
    for (let j = 0; j < 60; j++) {
      if (i === j) continue;
      if (Math.floor(i / 10) === Math.floor(j / 10)) means.same += dot(rows, dim, i, j) / (60 * 9);
      else means.other += dot(rows, dim, i, j) / (60 * 50);
    }
  }
  expect(means.same).toBeGreaterThan(0.7);
  expect(means.other).toBeLessThan(0.1);
});

it("finds the eigenvectors of the co-occurrences, as repeated multiplication by their matrix does", () => {
  const random = new Random(5);
  const numItems = 30;
  // two weakly mixed halves: the second eigenvector parts them
  const lists = Array.from({ length: 200 }, (_, u) => {
    const half = (u % 2) * 15;
    return [...new Set(Array.from({ length: 6 }, () => (half + random.integer(18)) % numItems))];
  });
  const counts = new Float64Array(numItems);
  for (const list of lists) for (const item of list) counts[item]!++;
  const matrix = Array.from({ length: numItems }, () => new Float64Array(numItems));
  for (const list of lists)
    for (const i of list) for (const j of list) matrix[i]![j]! += 1 / list.length / Math.sqrt(counts[i]! * counts[j]!);
  const first = Float64Array.from(counts, (count) => Math.sqrt(count));
  const orthogonalTo = (x: Float64Array<ArrayBuffer>, y: Float64Array): Float64Array<ArrayBuffer> => {
    const xy = x.reduce((sum, value, i) => sum + value * y[i]!, 0);
    const yy = y.reduce((sum, value) => sum + value * value, 0);
    return x.map((value, i) => value - (xy / yy) * y[i]!);
  };
  let second = Float64Array.from({ length: numItems }, () => random.normal());
  for (let round = 0; round < 2000; round++) {
    second = orthogonalTo(second, first);
    second = Float64Array.from(matrix, (row) => row.reduce((sum, value, j) => sum + value * second[j]!, 0));
    const norm = Math.hypot(...second);
    second = second.map((value) => value / norm);
  }
  const rows = spectralStart(toCsr(lists), numItems, 1, 9);
  // one dimension at unit length: the sign of the second eigenvector
  const agree = Array.from(second, (value, i) => Math.sign(value) * rows[i]!);
  expect(Math.abs(agree.reduce((sum, value) => sum + value, 0))).toBe(numItems);
});

it("gives an item without a history, and dimensions that are not there, something of unit length", () => {
  const rows = spectralStart(
    toCsr([
      [0, 1],
      [1, 2],
    ]),
    5,
    8,
    3,
  );
  for (let item = 0; item < 5; item++) expect(dot(rows, 8, item, item)).toBeCloseTo(1, 5);
  expect(rows.every(Number.isFinite)).toBe(true);
});
