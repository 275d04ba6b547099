import { beforeAll, describe, expect, it } from "vitest";
import type { GivensConfig } from "../src/config.ts";
import { GivensRotation, greedyPairs, pairGain } from "../src/givens.ts";
import { identityMatrix } from "../src/initialize.ts";
import { nearestOrthogonal } from "../src/polar.ts";
import { determinant, procrustes } from "../src/procrustes.ts";
import { Random } from "../src/random.ts";
import { normals, useBackend } from "./helpers.ts";

beforeAll(() => useBackend("wasm"));

const config: GivensConfig = { stepSize: 1, every: 1, decay: 0 };

function orthogonalityError(r: ArrayLike<number>, d: number): number {
  let worst = 0;
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < d; j++) {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += r[k * d + i]! * r[k * d + j]!;
      worst = Math.max(worst, Math.abs(sum - (i === j ? 1 : 0)));
    }
  }
  return worst;
}

/** (n, d)·(d, d). */
function rotate(x: ArrayLike<number>, r: ArrayLike<number>, d: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += d) {
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) out[row + j]! += x[row + i]! * r[i * d + j]!;
  }
  return out;
}

function crossProduct(y: ArrayLike<number>, q: ArrayLike<number>, d: number): Float64Array {
  const out = new Float64Array(d * d);
  for (let row = 0; row < y.length; row += d) {
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) out[i * d + j]! += y[row + i]! * q[row + j]!;
  }
  return out;
}

function squaredDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}

describe("Procrustes", () => {
  it("recovers a known rotation, reflections excluded", () => {
    const d = 7;
    const known = new GivensRotation(identityMatrix(d), d, config);
    const random = new Random(4);
    for (let t = 0; t < 100; t++) known.turn(random.integer(3), 3 + random.integer(4), random.normal());
    const x = normals(50 * d, 1);
    const found = procrustes(crossProduct(x, rotate(x, known.matrix, d), d), d);
    expect(Math.sqrt(squaredDistance(found, known.matrix))).toBeLessThan(1e-6);
  });

  it("is orthogonal with determinant +1 for any matrix: random, reflecting, of low rank, zero", () => {
    const d = 6;
    const reflection = identityMatrix(d);
    reflection[0] = -1;
    const lowRank = new Float64Array(d * d).fill(1);
    for (const a of [Float64Array.from(normals(d * d, 2)), reflection, lowRank, new Float64Array(d * d)]) {
      const r = procrustes(a, d);
      expect(orthogonalityError(r, d)).toBeLessThan(1e-10);
      expect(determinant(r, d)).toBeCloseTo(1, 10);
    }
  });
});

describe("the nearest orthogonal matrix of a large one", () => {
  const d = 12;

  it("is that of Procrustes where there is no reflection, to single precision", async () => {
    const a = identityMatrix(d).map((value, i) => value + 0.2 * normals(d * d, 7)[i]!);
    const found = await nearestOrthogonal(a, procrustes(a, d), d);
    expect(orthogonalityError(found, d)).toBeLessThan(1e-4);
    expect(Math.sqrt(squaredDistance(found, procrustes(a, d)))).toBeLessThan(1e-3);
  });

  it("is orthogonal, and stays as it was where the matrix says nothing", async () => {
    const before = procrustes(Float64Array.from(normals(d * d, 8)), d);
    // of rank 1, along an axis that it leaves alone
    const lowRank = Float64Array.from(
      { length: d * d },
      (_, at) => before[Math.floor(at / d) * d]! * Number(at % d === 0),
    );
    for (const a of [lowRank, new Float64Array(d * d)]) {
      const found = await nearestOrthogonal(a, before, d);
      expect(orthogonalityError(found, d)).toBeLessThan(1e-4);
      expect(Math.sqrt(squaredDistance(found, before))).toBeLessThan(1e-3);
    }
  });
});

describe("the exact pair rotation", () => {
  const d = 4;
  const x = normals(30 * d, 3);
  const q = normals(30 * d, 4);
  const distortionAt = (i: number, j: number, angle: number) => {
    const turned = new GivensRotation(identityMatrix(d), d, config);
    turned.turn(i, j, angle);
    return squaredDistance(rotate(x, turned.matrix, d), q);
  };
  const b = crossProduct(x, q, d);

  it("beats every other angle of the pair, by the gain it promised", () => {
    for (const [i, j] of [
      [0, 1],
      [2, 0],
      [3, 1],
    ] as const) {
      const angle = Math.atan2(b[j * d + i]! - b[i * d + j]!, b[i * d + i]! + b[j * d + j]!);
      const best = distortionAt(i, j, angle);
      for (let t = 0; t < 360; t++) expect(distortionAt(i, j, (t * Math.PI) / 180)).toBeGreaterThanOrEqual(best - 1e-9);
      expect(distortionAt(i, j, 0) - best).toBeCloseTo(2 * pairGain(b, d, i, j), 8);
    }
  });

  it("starts along the gradient: the finite difference of the distortion is -2 (B_ji - B_ij)", () => {
    const slope = (distortionAt(0, 1, 1e-5) - distortionAt(0, 1, -1e-5)) / 2e-5;
    expect(slope).toBeCloseTo(-2 * (b[d]! - b[1]!), 4);
  });
});

describe("choosing pairs", () => {
  it("turns every axis once, but for one of an odd number", () => {
    for (const dim of [2, 7, 10]) {
      const pairs = greedyPairs(Float64Array.from(normals(dim * dim, 6)), dim);
      const axes = pairs.flat();
      expect(pairs).toHaveLength(dim >> 1);
      expect(new Set(axes).size).toBe(axes.length);
      for (const axis of axes) expect(axis).toBeLessThan(dim);
    }
  });

  it("takes the best pair of all first", () => {
    const d = 10;
    const b = Float64Array.from(normals(d * d, 5));
    const [first] = greedyPairs(b, d);
    for (let i = 0; i < d; i++) {
      for (let j = i + 1; j < d; j++) {
        expect(pairGain(b, d, i, j)).toBeLessThanOrEqual(pairGain(b, d, first![0], first![1]));
      }
    }
  });
});

describe("Givens coordinate descent", () => {
  it("stays orthogonal within 1e-5 in single precision, with determinant +1, over 20,000 updates", () => {
    const d = 16;
    const rotation = new GivensRotation(identityMatrix(d), d, { ...config, stepSize: 0.3, decay: 0.5 });
    const random = new Random(1);
    for (let t = 0; t < 20_000; t++) {
      rotation.update(
        Float32Array.from({ length: d * d }, () => random.normal()),
        1,
      );
    }
    const single = Float32Array.from(rotation.matrix);
    expect(orthogonalityError(single, d)).toBeLessThan(1e-5);
    expect(orthogonalityError(rotation.matrix, d)).toBeLessThan(1e-9);
    expect(determinant(single, d)).toBeCloseTo(1, 4);
  });

  it("turns items onto a hidden rotation of theirs", () => {
    const d = 8;
    const hidden = new GivensRotation(identityMatrix(d), d, config);
    for (let t = 0; t < d; t++) hidden.turn(t, (t + 3) % d, 0.25);
    const x = normals(200 * d, 7);
    const target = rotate(x, hidden.matrix, d);
    const rotation = new GivensRotation(identityMatrix(d), d, config);
    const before = squaredDistance(rotate(x, rotation.matrix, d), target);
    for (let t = 0; t < 200; t++) rotation.update(crossProduct(rotate(x, rotation.matrix, d), target, d), 200);
    expect(squaredDistance(rotate(x, rotation.matrix, d), target)).toBeLessThan(1e-3 * before);
  });

  it("carries its moving average along with the turns", () => {
    const d = 5;
    const x = normals(40 * d, 8);
    const q = normals(40 * d, 9);
    const rotation = new GivensRotation(identityMatrix(d), d, config);
    rotation.update(crossProduct(x, q, d), 40);
    const afterwards = crossProduct(rotate(x, rotation.matrix, d), q, d).map((value) => value / 40);
    for (let i = 0; i < d * d; i++) expect(rotation.correlation[i]).toBeCloseTo(afterwards[i]!, 10);
  });

  it("refuses NaN", () => {
    const rotation = new GivensRotation(identityMatrix(2), 2, config);
    expect(() => rotation.update([1, Number.NaN, 0, 1], 1)).toThrow('"x" expected finite numbers, got NaN at index 1');
  });
});
