import { Random } from "@poeem/indexing-layer";
import { describe, expect, it } from "vitest";
import { EmbeddingTable } from "../src/model/embedding-table.ts";

const table = (): EmbeddingTable => new EmbeddingTable(6, 3, { random: new Random(1), stddev: 0.5, accumulator: 0.01 });

describe("EmbeddingTable", () => {
  it("takes the row-wise Adagrad step, a row's gradients summed first", () => {
    const sparse = table();
    const before = Float64Array.from(sparse.rows);
    const gradient = Float32Array.of(1, -2, 0.5, 0.25, 0.75, -1);
    sparse.addGradient(4, 1, gradient, 0);
    sparse.addGradient(2, 0.5, gradient, 3);
    sparse.addGradient(4, 2, gradient, 3);
    sparse.step(0.1);
    const sums = new Map([
      [4, [1 + 0.5, -2 + 1.5, 0.5 - 2]],
      [2, [0.125, 0.375, -0.5]],
    ]);
    for (let row = 0; row < 6; row++) {
      const g = sums.get(row) ?? [0, 0, 0];
      const meanSquare = g.reduce((sum, x) => sum + x * x, 0) / 3;
      for (let d = 0; d < 3; d++) {
        const expected = before[row * 3 + d]! - (0.1 * g[d]!) / (Math.sqrt(0.01 + meanSquare) + 1e-7);
        expect(sparse.rows[row * 3 + d]).toBeCloseTo(expected, 6);
      }
    }
  });

  it("forgets the gradients of the last step", () => {
    const sparse = table();
    sparse.addGradient(1, 1, Float32Array.of(1, 1, 1), 0);
    sparse.step(0.1);
    const after = Float32Array.from(sparse.rows);
    sparse.step(0.1);
    expect(sparse.rows).toEqual(after);
    sparse.addGradient(3, 1, Float32Array.of(0, 0, 0), 0);
    sparse.step(0.1);
    expect(sparse.rows).toEqual(after);
  });
});
