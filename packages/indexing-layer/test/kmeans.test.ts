import { beforeAll, describe, expect, it } from "vitest";
import { assignNearest, kmeans } from "../src/kmeans.ts";
import { Random } from "../src/random.ts";
import { clustered, normals, useBackend } from "./helpers.ts";

beforeAll(() => useBackend("wasm"));

const shared = { maxIterations: 50, changeThreshold: 0 } as const;

function distortion(data: Float32Array, dim: number, centroids: Float32Array, assignments: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < assignments.length; i++) {
    for (let d = 0; d < dim; d++) sum += (data[i * dim + d]! - centroids[assignments[i]! * dim + d]!) ** 2;
  }
  return sum / assignments.length;
}

describe("k-means", () => {
  for (const start of ["kmeans++", "balanced"] as const) {
    it(`from ${start} puts points with their nearest centroid and centroids at the mean of their points`, async () => {
      const dim = 3;
      const data = normals(200 * dim, 5);
      const { centroids, assignments, counts } = await kmeans({
        ...shared,
        data,
        dim,
        numCentroids: 7,
        start,
        random: new Random(1),
      });
      const sums = new Float64Array(7 * dim);
      for (let i = 0; i < 200; i++) {
        let best = 0;
        let bestDistance = Number.POSITIVE_INFINITY;
        for (let c = 0; c < 7; c++) {
          let distance = 0;
          for (let d = 0; d < dim; d++) distance += (data[i * dim + d]! - centroids[c * dim + d]!) ** 2;
          if (distance < bestDistance) {
            bestDistance = distance;
            best = c;
          }
        }
        expect(assignments[i]).toBe(best);
        for (let d = 0; d < dim; d++) sums[best * dim + d]! += data[i * dim + d]!;
      }
      for (let c = 0; c < 7; c++) {
        for (let d = 0; d < dim; d++) expect(sums[c * dim + d]! / counts[c]!).toBeCloseTo(centroids[c * dim + d]!, 4);
      }
    });
  }

  it("finds well separated groups from k-means++", async () => {
    const random = new Random(3);
    const data = new Float32Array(400);
    for (let i = 0; i < 400; i++) data[i] = 100 * (i % 8) + random.normal();
    const { centroids } = await kmeans({ ...shared, data, dim: 1, numCentroids: 8, start: "kmeans++", random });
    const sorted = Array.from(centroids).sort((a, b) => a - b);
    sorted.forEach((centroid, i) => {
      expect(Math.abs(centroid - 100 * i)).toBeLessThan(1);
    });
  });

  it("refills cells that run empty, so that far too many starting centroids at one spot still spread", async () => {
    const data = clustered(300, 8, 2);
    const start = new Float32Array(32 * 8).fill(5);
    const { counts } = await kmeans({ ...shared, data, dim: 8, numCentroids: 32, start, random: new Random(1) });
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  it("copes with fewer distinct points than centroids", async () => {
    const data = Float32Array.from({ length: 64 }, (_, i) => i % 3);
    const result = await kmeans({
      ...shared,
      data,
      dim: 1,
      numCentroids: 16,
      start: "kmeans++",
      random: new Random(1),
    });
    expect(distortion(data, 1, result.centroids, result.assignments)).toBe(0);
  });

  it("gives the same centroids for the same seed and others for another", async () => {
    const data = normals(500 * 4, 8);
    const run = async (seed: number) =>
      (await kmeans({ ...shared, data, dim: 4, numCentroids: 20, start: "kmeans++", random: new Random(seed) }))
        .centroids;
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  it("starts better from k-means++ than from balanced cells, before any Lloyd step", async () => {
    const data = clustered(1000, 8, 4, 32, 0.05);
    const before = async (start: "kmeans++" | "balanced") => {
      const options = { data, dim: 8, numCentroids: 32, maxIterations: 1, changeThreshold: 0 };
      const { centroids, assignments } = await kmeans({ ...options, start, random: new Random(1) });
      return distortion(data, 8, centroids, assignments);
    };
    expect(await before("kmeans++")).toBeLessThan(0.5 * (await before("balanced")));
  });

  it("assigns in chunks as in one piece", async () => {
    // 1,024 centroids: chunks of 4,096 points.
    const n = 2 * 4096 + 77;
    const data = normals(n * 2, 9);
    const centroids = normals(1024 * 2, 10);
    const assignments = new Int32Array(n);
    await assignNearest({ data, dim: 2, centroids, assignments, squaredDistances: new Float32Array(n) });
    const tail = new Int32Array(177);
    const last = { data: data.subarray((n - 177) * 2), assignments: tail, squaredDistances: new Float32Array(177) };
    await assignNearest({ ...last, dim: 2, centroids });
    expect(assignments.subarray(n - 177)).toEqual(tail);
    expect(new Set(tail).size).toBeGreaterThan(50);
  });
});
