/** What the quick check of a rotation takes and refuses, beside the whole one. */
import { describe, expect, it } from "vitest";
import { checkRotation, checkRotationQuickly } from "../src/codebook/check-rotation.ts";
import { normals, orthogonal, random } from "./support.ts";

const DIMS = [1, 2, 3, 16, 96];

function expectRefused(matrix: Float32Array, dim: number): void {
  expect(() => checkRotation(matrix, dim)).toThrow(RangeError);
  expect(() => checkRotationQuickly(matrix, dim)).toThrow(/"rotation" expected an orthogonal matrix, /);
}

describe.each(DIMS)("of %i dimensions", (dim) => {
  const whole = orthogonal(dim, random(dim));

  it("takes what the whole check takes, up to its tolerance", () => {
    for (let seed = 0; seed < 6; seed++) {
      const next = random(100 + seed);
      const rotation = orthogonal(dim, next);
      // Noise that leaves each pair of rows as wrong as is let through: the whole check says how much that is.
      for (let noise = 1e-2; noise > 1e-8; noise /= 2) {
        const off = normals(dim * dim, random(seed));
        const noisy = rotation.map((value, i) => value + noise * off[i]!);
        try {
          checkRotation(noisy, dim);
        } catch {
          continue;
        }
        expect(() => checkRotationQuickly(noisy, dim)).not.toThrow();
      }
      expect(() => checkRotationQuickly(rotation, dim)).not.toThrow();
    }
  });

  it("refuses matrices that are no rotation", () => {
    for (let seed = 0; seed < 6; seed++) {
      const next = random(seed);
      const scale = 1 / Math.sqrt(dim);
      expectRefused(
        normals(dim * dim, next).map((value) => 3 * scale * value + 0.1),
        dim,
      );
      const row = Math.floor(next() * dim);
      const wrong = whole.slice();
      // Another row, one of zeros, one of another length, and a number that is not its own.
      wrong.fill(0, row * dim, (row + 1) * dim);
      expectRefused(wrong, dim);
      expectRefused(
        whole.map((value, i) => (Math.floor(i / dim) === row ? value * 1.002 : value)),
        dim,
      );
      expectRefused(
        whole.map((value) => value * 1.001),
        dim,
      );
      expectRefused(
        whole.map((value, i) => (i === row * dim ? 0.9 - value : value)),
        dim,
      );
      if (dim === 1) continue;
      const other = (row + 1) % dim;
      const twice = whole.slice();
      twice.set(whole.subarray(other * dim, (other + 1) * dim), row * dim);
      expectRefused(twice, dim);
      const leaning = whole.slice();
      for (let d = 0; d < dim; d++)
        leaning[row * dim + d] = Math.SQRT1_2 * (whole[row * dim + d]! + whole[other * dim + d]!);
      expectRefused(leaning, dim);
      expectRefused(new Float32Array(dim * dim).fill(scale), dim);
    }
    expectRefused(new Float32Array(dim * dim), dim);
    expectRefused(new Float32Array(dim * dim).fill(Number.NaN), dim);
  });
});
