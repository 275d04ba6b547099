import { Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { byLikeness } from "../src/codes/cell-order.ts";

const rowsOf = (flat: Float32Array, dim: number): number[][] =>
  Array.from({ length: flat.length / dim }, (_, i) => [...flat.subarray(i * dim, (i + 1) * dim)]);
const distance = (a: number[], b: number[]): number => Math.hypot(...a.map((value, d) => value - b[d]!));

describe("cells in the order of likeness", () => {
  it("are the same cells, the longest first and then the nearest of those that are left", () => {
    const dim = 3;
    const random = new Random(1);
    const centroids = Float32Array.from({ length: 20 * dim }, () => random.normal());
    const ordered = rowsOf(byLikeness(centroids, dim), dim);
    expect([...ordered].sort()).toEqual(rowsOf(centroids, dim).sort());
    const lengths = ordered.map((row) => Math.hypot(...row));
    expect(lengths[0]).toBe(Math.max(...lengths));
    ordered.slice(0, -1).forEach((row, i) => {
      const left = ordered.slice(i + 1).map((other) => distance(row, other));
      expect(left[0]).toBe(Math.min(...left));
    });
  });

  it("follow a line from end to end, also when one stands there twice", () => {
    expect([...byLikeness(Float32Array.from([4, 1, 8, 2, 7, 2, 6, 5]), 1)]).toEqual([8, 7, 6, 5, 4, 2, 2, 1]);
  });

  it("are all there, also if they are many or are no numbers", () => {
    const many = Float32Array.from({ length: 5000 }, (_, i) => (i * 1237) % 5000);
    expect([...byLikeness(many, 1)].sort((a, b) => a - b)).toEqual([...many].sort((a, b) => a - b));
    expect([...byLikeness(Float32Array.of(Number.NaN, 2, Number.NaN, 1), 1)].sort()).toEqual([1, 2, NaN, NaN]);
  });

  it("may be none", () => {
    expect(byLikeness(new Float32Array(0), 4)).toEqual(new Float32Array(0));
  });
});
