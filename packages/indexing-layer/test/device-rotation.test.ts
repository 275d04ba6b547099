import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { resolveConfig } from "../src/config.ts";
import { GivensRotation, greedyPairs, pairGain } from "../src/givens.ts";
import { identityMatrix } from "../src/initialize.ts";
import type { Assignment } from "../src/losses/loss.ts";
import { polished } from "../src/polar.ts";
import { plainVariables, Quantizer } from "../src/quantizer.ts";
import { Random } from "../src/random.ts";
import { DeviceRotation, UPDATES_TO_POLISH } from "../src/rotation/device-rotation.ts";
import { matchPairs } from "../src/rotation/matching.ts";
import { runOn, SIMULATED } from "./backends.ts";
import { normals, worstDifference } from "./helpers.ts";

const dim = 12;
const givens = { stepSize: 0.3, every: 1, decay: 0.5 };

function orthogonalityError(r: ArrayLike<number>, d: number): number {
  let worst = 0;
  for (let at = 0; at < d * d; at++) {
    const [i, j] = [Math.floor(at / d), at % d];
    let sum = i === j ? -1 : 0;
    for (let k = 0; k < d; k++) sum += r[k * d + i]! * r[k * d + j]!;
    worst = Math.max(worst, Math.abs(sum));
  }
  return worst;
}

/** A batch whose correlation is the matrix. */
function batchOf(correlation: Float32Array): Assignment {
  return { y: tf.eye(dim), decoded: tf.tensor2d(correlation, [dim, dim]) } as Partial<Assignment> as Assignment;
}

/** As of items and what they are quantized to: mostly a diagonal. */
const correlations = (seed: number) => normals(dim * dim, seed, 0.1).map((x, i) => x + Number(i % (dim + 1) === 0));

function gainsOf(b: ArrayLike<number>, d: number): Float32Array {
  return Float32Array.from({ length: d * d }, (_, at) => {
    const [i, j] = [Math.floor(at / d), at % d];
    return i === j ? 0 : pairGain(b, d, Math.min(i, j), Math.max(i, j));
  });
}

describe.each([...SIMULATED, "tensorflow", "webgpu"] as const)("a rotation on a device: %s", (place) => {
  runOn(place);
  const newRotation = () => {
    const config = resolveConfig({ dim, nlist: 0, numSubQuantizers: 4, nbits: 4 });
    const quantizer = new Quantizer(config, new Random(1), plainVariables);
    return { quantizer, rotation: new DeviceRotation(dim, givens, quantizer) };
  };

  it("turns as that of the host", async () => {
    const { quantizer, rotation } = newRotation();
    const host = new GivensRotation(identityMatrix(dim), dim, givens);
    for (let t = 1; t <= 5; t++) {
      const batch = batchOf(correlations(t));
      await rotation.update(batch, t);
      host.update(correlations(t), dim);
      tf.dispose([batch.y, batch.decoded]);
    }
    expect(worstDifference(await rotation.matrix(), host.matrix)).toBeLessThan(place === "webgpu" ? 1e-3 : 1e-6);
    expect(worstDifference(await rotation.correlation(), host.correlation)).toBeLessThan(1e-4);
    const [r, transposed] = [quantizer.rotation!, tf.transpose(quantizer.rotationTransposed!)];
    expect(await r.data()).toEqual(await transposed.data());
    rotation.dispose();
    quantizer.dispose();
  });

  it("does not turn by nothing, and takes rounding errors out", async () => {
    const { quantizer, rotation } = newRotation();
    const batch = batchOf(new Float32Array(dim * dim));
    await rotation.update(batch, 1);
    expect([...(await rotation.matrix())]).toEqual([...identityMatrix(dim)]);
    rotation.reset(identityMatrix(dim).map((x) => 1.001 * x));
    await rotation.update(batch, UPDATES_TO_POLISH - 1);
    expect(orthogonalityError(await rotation.matrix(), dim)).toBeGreaterThan(1e-3);
    await rotation.update(batch, UPDATES_TO_POLISH);
    expect(orthogonalityError(await rotation.matrix(), dim)).toBeLessThan(1e-5);
    const bad = batchOf(correlations(1).fill(Number.NaN, 5, 6));
    await expect(rotation.update(bad, UPDATES_TO_POLISH)).rejects.toThrow('"x" expected finite numbers');
    rotation.dispose();
    quantizer.dispose();
  });

  it("stays orthogonal over hundreds of updates", async () => {
    const { quantizer, rotation } = newRotation();
    for (let t = 1; t <= 300; t++) {
      const batch = batchOf(correlations(t));
      await rotation.update(batch, t);
      tf.dispose([batch.y, batch.decoded]);
    }
    expect(orthogonalityError(await rotation.matrix(), dim)).toBeLessThan(1e-4);
    rotation.dispose();
    quantizer.dispose();
  });

  it.each([2, 7, 24])("pairs %i axes as greedy pairs do, given rounds enough", async (d) => {
    const b = Float64Array.from(normals(d * d, 6));
    const matched = tf.tidy(() => matchPairs(tf.tensor2d(gainsOf(b, d), [d, d]), tf.eye(d), d));
    const values = Array.from(await matched.data());
    const expected = new Array<number>(d * d).fill(0);
    for (const [i, j] of greedyPairs(b, d)) for (const at of [i * d + j, j * d + i]) expected[at] = 1;
    expect(values).toEqual(expected);
  });
});

describe("polishing", () => {
  it("squares what is wrong with an orthogonal matrix", () => {
    const host = new GivensRotation(identityMatrix(dim), dim, givens);
    const random = new Random(4);
    for (let t = 0; t < 100; t++) host.turn(random.integer(6), 6 + random.integer(6), random.normal());
    const off = host.matrix.map((x) => x + 1e-4 * random.normal());
    expect(orthogonalityError(off, dim)).toBeGreaterThan(1e-4);
    expect(orthogonalityError(polished(off, dim), dim)).toBeLessThan(1e-6);
  });
});
