import { Random } from "@poeem/indexing-layer";
import "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { nearestDirection, rabitqVectors, randomRotation, shapesOf } from "../ours/rabitq.ts";

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

function units(count: number, dim: number, seed: number): Float32Array {
  const random = new Random(seed);
  const vectors = Float32Array.from({ length: count * dim }, () => random.normal());
  for (let i = 0; i < count; i++) {
    const row = vectors.subarray(i * dim, (i + 1) * dim);
    const norm = Math.hypot(...row);
    for (let d = 0; d < dim; d++) row[d]! /= norm;
  }
  return vectors;
}

/** Of estimated products with queries: the slope against the true ones, and the root of the mean squared error. */
async function errors(bits: number, padded: number): Promise<{ slope: number; error: number }> {
  const dim = 24;
  const items = units(400, dim, 1);
  const queries = units(50, dim, 2);
  const estimated = await rabitqVectors(items, dim, { bits, padded }, 0, 5);
  let [cross, square, error] = [0, 0, 0];
  for (let q = 0; q < 50; q++) {
    const query = queries.subarray(q * dim, (q + 1) * dim);
    for (let i = 0; i < 400; i++) {
      const exact = dot(query, items.subarray(i * dim, (i + 1) * dim));
      const guess = dot(query, estimated.subarray(i * dim, (i + 1) * dim));
      cross += exact * guess;
      square += exact * exact;
      error += (exact - guess) ** 2;
    }
  }
  return { slope: cross / square, error: Math.sqrt(error / 20_000) };
}

describe("RaBitQ", () => {
  it("estimates products without bias, and better with more bits or more dimensions", async () => {
    const plain = await errors(1, 24);
    const wide = await errors(1, 96);
    const fine = await errors(2, 48);
    const whole = await errors(8, 24);
    for (const { slope } of [plain, wide, fine, whole]) expect(Math.abs(slope - 1)).toBeLessThan(0.03);
    expect(wide.error).toBeLessThan(0.8 * plain.error);
    // at equal bytes two bits beat one
    expect(fine.error).toBeLessThan(wide.error);
    expect(whole.error).toBeLessThan(0.05 * plain.error);
  });

  it("turns without stretching", () => {
    const rotation = randomRotation(6, 10, new Random(3));
    for (let i = 0; i < 6; i++) {
      for (let j = 0; j <= i; j++) {
        const product = dot(rotation.subarray(i * 10, i * 10 + 10), rotation.subarray(j * 10, j * 10 + 10));
        expect(product).toBeCloseTo(i === j ? 1 : 0, 10);
      }
    }
  });

  it("takes the nearest direction of the whole grid", () => {
    const random = new Random(4);
    const levels = [-1.5, -0.5, 0.5, 1.5];
    const grid = levels.flatMap((a) => levels.flatMap((b) => levels.flatMap((c) => levels.map((d) => [a, b, c, d]))));
    for (let i = 0; i < 50; i++) {
      const vector = Float64Array.from({ length: 4 }, () => random.normal());
      const cosine = (point: ArrayLike<number>): number => dot(point, vector) / Math.sqrt(dot(point, point));
      const best = Math.max(...grid.map(cosine));
      const found = nearestDirection(vector, 2);
      expect(grid).toContainEqual([...found]);
      expect(cosine(found)).toBeCloseTo(best, 10);
    }
  });

  it("has every shape of so many bytes that holds the vector", () => {
    expect(shapesOf(16, 64)).toEqual([
      { bits: 1, padded: 128 },
      { bits: 2, padded: 64 },
    ]);
    expect(shapesOf(8, 64)).toEqual([{ bits: 1, padded: 64 }]);
    expect(shapesOf(8, 16)).toEqual([1, 2, 4].map((bits) => ({ bits, padded: 64 / bits })));
  });

  it("codes the residual of a cell where there are cells", async () => {
    // two distant clouds: one code per item says little of which cloud, a cell says it all
    const cloud = units(200, 8, 6).map((value, i) => 0.05 * value + (i < 800 ? 1 : -1) / Math.sqrt(8));
    const error = async (nlist: number): Promise<number> => {
      const found = await rabitqVectors(cloud, 8, { bits: 1, padded: 8 }, nlist, 7);
      return found.reduce((sum, value, i) => sum + (value - cloud[i]!) ** 2, 0);
    };
    expect(await error(2)).toBeLessThan(0.1 * (await error(0)));
  });
});
