import { describe, expect, it } from "vitest";
import { codeUsage, Random, subCodeUsage } from "../src/index.ts";
import { restartDead } from "../src/restart.ts";

describe("code usage", () => {
  it("of even use is all centroids, no divergence and no dead share", () => {
    const usage = codeUsage([0, 1, 2, 3, 3, 2, 1, 0], 4);
    expect(usage.perplexity).toBeCloseTo(4, 12);
    expect(usage.klToUniform).toBeCloseTo(0, 12);
    expect(usage.totalVariation).toBe(0);
    expect(usage.deadShare).toBe(0);
  });

  it("matches figures worked out by hand for uneven use", () => {
    // Shares 1/2, 1/4, 1/4, 0: entropy 1.5 ln 2; KL = ln 4 - 1.5 ln 2 = 0.5 ln 2; TV = (1/4 + 0 + 0 + 1/4) / 2.
    const usage = codeUsage([0, 0, 1, 2], 4);
    expect(Array.from(usage.counts)).toEqual([2, 1, 1, 0]);
    expect(usage.perplexity).toBeCloseTo(2 ** 1.5, 12);
    expect(usage.klToUniform).toBeCloseTo(0.5 * Math.LN2, 12);
    expect(usage.totalVariation).toBe(0.25);
    expect(usage.deadShare).toBe(0.25);
  });

  it("goes by sub-quantizer for all M", () => {
    const [first, second] = subCodeUsage([0, 1, 0, 1, 0, 0], 2, 2);
    expect(first!.perplexity).toBeCloseTo(1, 12);
    expect(Array.from(second!.counts)).toEqual([1, 2]);
  });

  it("names a code out of range and a ragged array", () => {
    expect(() => codeUsage([0, 4], 4)).toThrow('"codes[1]" expected a number below 4, got 4');
    expect(() => subCodeUsage([0, 1, 0], 2, 2)).toThrow('"codes" expected a multiple of 2 numbers, got 3');
  });
});

describe("restarts", () => {
  it("move the dead and only the dead, onto different vectors that were badly served", () => {
    const centroids = Float32Array.of(0, 10, 99, 99);
    const vectors = Float32Array.of(0, 0, 10, 14, 17);
    const moved = restartDead(centroids, [50, 50, 0, 1], vectors, [0, 0, 1, 1, 1], 0.1, new Random(1));
    expect(moved).toEqual([2, 3]);
    expect(Array.from(centroids.subarray(0, 2))).toEqual([0, 10]);
    expect(Array.from(centroids.subarray(2)).sort()).toEqual([14, 17]);
  });

  it("leave everything alone when all are in use, or nothing is badly served", () => {
    const centroids = Float32Array.of(0, 10);
    expect(restartDead(centroids, [5, 5], Float32Array.of(1), [0], 0.5, new Random(1))).toEqual([]);
    expect(restartDead(centroids, [9, 0], Float32Array.of(0), [0], 0.5, new Random(1))).toEqual([]);
    expect(Array.from(centroids)).toEqual([0, 10]);
  });
});
