import { Matrix, SVD, solve } from "ml-matrix";
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

it("has the singular vectors of which item follows which, and the map from right to left ones, as plain loops", () => {
  const matrix = new Matrix(scaledMatrix(HISTORIES));
  const { leftSingularVectors: u, rightSingularVectors: v, diagonal } = new SVD(matrix);
  expect(diagonal[DIM - 1]! - diagonal[DIM]!).toBeGreaterThan(1e-3);
  // rows by the roots of the singular values, at unit length
  const unitRows = (vectors: Matrix): Matrix => {
    const rows = vectors.subMatrixColumn(Array.from({ length: DIM }, (_, d) => d));
    const scaled = rows.mulRowVector(diagonal.slice(0, DIM).map(Math.sqrt));
    return new Matrix(scaled.to2DArray().map((row) => row.map((x) => x / Math.hypot(...row))));
  };
  const [right, left] = [unitRows(v), unitRows(u)];
  const { items, source } = orderedStart(toCsr(HISTORIES), COUNT, DIM, 3);
  const found = Matrix.from1DArray(COUNT, DIM, items);
  // what neither the signs of the vectors nor turns among equal values change
  const cosines = found.mmul(found.transpose());
  expect(Matrix.sub(cosines, right.mmul(right.transpose())).abs().max()).toBeLessThan(1e-3);
  // least squares, each event counted
  const counts = Array.from({ length: COUNT }, (_, item) => HISTORIES.flat().filter((one) => one === item).length);
  const weighted = right.clone().mulColumnVector(counts);
  const products = right.transpose().mmul(weighted);
  const ridge = Matrix.eye(DIM, DIM).mul((1e-3 * products.trace()) / DIM);
  const map = solve(products.add(ridge), weighted.transpose().mmul(left));
  const scores = found.mmul(Matrix.from1DArray(DIM, DIM, source)).mmul(found.transpose());
  expect(Matrix.sub(scores, right.mmul(map).mmul(right.transpose())).abs().max()).toBeLessThan(1e-3);
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
