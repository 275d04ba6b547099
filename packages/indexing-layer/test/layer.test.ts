import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it, vi } from "vitest";
import { IndexingLayer, type IndexingLayerOptions } from "../src/index.ts";
import { runOn } from "./backends.ts";
import { clustered, normals, worstDifference } from "./helpers.ts";

const dim = 16;
const batchSize = 32;
const base: IndexingLayerOptions = {
  dim,
  nlist: 4,
  numSubQuantizers: 4,
  nbits: 4,
  warmupSteps: 2,
  bufferSize: 64,
  seed: 3,
  opqIterations: 2,
  restartEvery: 5,
};
const items = clustered(batchSize * 8, dim, 1);
const itemBatch = (step: number) => {
  const from = (step % 8) * batchSize * dim;
  return tf.tensor2d(items.slice(from, from + batchSize * dim), [batchSize, dim]);
};

/** One step of training an item tower of one matrix against fixed queries. */
async function trainStep(layer: IndexingLayer, tower: tf.Variable, optimizer: tf.Optimizer, step: number) {
  const input = itemBatch(step);
  const asked = itemBatch(step + 1);
  const cost = optimizer.minimize(
    () => {
      const x = tf.matMul(input, tower as tf.Tensor2D) as tf.Tensor2D;
      const { quantized, losses } = layer.call(x, { training: true, queries: asked });
      return tf.add(losses.total, tf.mul(-1, tf.mean(tf.mul(quantized, asked)))) as tf.Scalar;
    },
    true,
    [tower, ...layer.trainableVariables],
  );
  tf.dispose([input, asked, cost!]);
  await layer.afterStep();
}

const newTower = () => tf.tidy(() => tf.variable(tf.eye(dim)));

async function readyLayer(options: Partial<IndexingLayerOptions> = {}): Promise<IndexingLayer> {
  const layer = new IndexingLayer({ ...base, ...options });
  await layer.initialize(items);
  return layer;
}

describe.each(["wasm", "wasm as a device", "tensorflow"] as const)("the layer on %s", (place) => {
  runOn(place);

  describe("the schedule", () => {
    it("bypasses, then gathers, then quantizes", async () => {
      const layer = new IndexingLayer(base);
      const phases: string[] = [];
      for (let step = 0; step < 6; step++) {
        phases.push(layer.phase);
        const x = itemBatch(step);
        const { quantized, codes, losses } = layer.call(x, { training: true });
        const bypassed = worstDifference(quantized.dataSync(), x.dataSync()) === 0;
        expect(bypassed).toBe(layer.phase !== "joint");
        expect(losses.total.dataSync()[0]! === 0).toBe(bypassed);
        expect(codes.shape).toEqual([batchSize, 4]);
        await layer.afterStep();
      }
      // 2 warm-up steps, then 64 rows at 32 a step.
      expect(phases).toEqual(["warmup", "warmup", "collecting", "collecting", "joint", "joint"]);
      expect(layer.step).toBe(6);
      expect(layer.ready).toBe(true);
      layer.dispose();
    });

    it("always quantizes outside of training, ready or not", () => {
      const layer = new IndexingLayer(base);
      const x = itemBatch(0);
      const { quantized } = layer.call(x);
      expect(worstDifference(quantized.dataSync(), x.dataSync())).toBeGreaterThan(0.01);
      layer.dispose();
    });

    it("needs a training call before a step is closed", async () => {
      const layer = new IndexingLayer({ ...base, warmupSteps: 0 });
      await expect(layer.afterStep()).rejects.toThrow('"afterStep" expected a training call before it, got none');
      layer.dispose();
    });

    it("quantizes far better after k-means than before, and every cell and sub-centroid holds something", async () => {
      const layer = new IndexingLayer(base);
      const x = tf.tensor2d(items, [items.length / dim, dim]);
      const distortion = () => tf.mean(tf.sum(tf.squaredDifference(x, layer.call(x).quantized), 1)).dataSync()[0]!;
      const before = distortion();
      await layer.initialize(items);
      expect(distortion()).toBeLessThan(0.2 * before);
      expect(new Set(layer.call(x).coarseCodes.dataSync()).size).toBe(4);
      layer.dispose();
    });

    it("measures distortion and the usage of cells and of all sub-quantizers", async () => {
      const layer = await readyLayer();
      const n = items.length / dim;
      const x = tf.tensor2d(items, [n, dim]);
      const before = tf.memory().numTensors;
      const { distortion, coarse, sub } = await layer.metrics(x);
      expect(tf.memory().numTensors).toBe(before);
      const { quantized, coarseCodes, codes } = layer.call(x);
      expect(distortion).toBeCloseTo(tf.sum(tf.squaredDifference(x, quantized)).dataSync()[0]! / n, 5);
      coarse!.counts.forEach((count, cell) => {
        expect(count).toBe(coarseCodes.dataSync().filter((c) => c === cell).length);
      });
      expect(sub).toHaveLength(4);
      const third = codes.dataSync().filter((_, i) => i % 4 === 2);
      expect(sub[2]!.deadShare).toBe(1 - new Set(third).size / 16);
      expect((await (await readyLayer({ nlist: 0 })).metrics(x)).coarse).toBeNull();
      layer.dispose();
    });

    it("fits sub-quantizers to residuals, which beats the original's raw sub-vectors", async () => {
      const x = tf.tensor2d(items, [items.length / dim, dim]);
      const distortion = async (initializeOn: "residual" | "raw") => {
        const layer = await readyLayer({ initializeOn, rotation: "none", nlist: 16 });
        return tf.mean(tf.sum(tf.squaredDifference(x, layer.call(x).quantized), 1)).dataSync()[0]!;
      };
      expect(await distortion("residual")).toBeLessThan(0.8 * (await distortion("raw")));
    });

    it("with OPQ has no more distortion than without", async () => {
      const stretched = normals(400 * dim, 7).map((value, i) => value / (1 + (i % dim)));
      const x = tf.tensor2d(stretched, [400, dim]);
      const distortion = async (rotation: "none" | "opq") => {
        const layer = new IndexingLayer({ ...base, nlist: 0, rotation, opqIterations: 20 });
        await layer.initialize(stretched);
        return tf.mean(tf.sum(tf.squaredDifference(x, layer.call(x).quantized), 1)).dataSync()[0]!;
      };
      expect(await distortion("opq")).toBeLessThan(0.9 * (await distortion("none")));
    });
  });

  describe("a training step", () => {
    for (const codebookUpdate of ["ema", "gradient"] as const) {
      it(`with ${codebookUpdate} centroids keeps the number of tensors flat in every phase`, async () => {
        const layer = new IndexingLayer({ ...base, codebookUpdate, restartEvery: 2 });
        const tower = newTower();
        const optimizer = tf.train.sgd(0.01);
        await trainStep(layer, tower, optimizer, 0);
        const bypassed = tf.memory().numTensors;
        await trainStep(layer, tower, optimizer, 1);
        expect(tf.memory().numTensors).toBe(bypassed);
        for (let step = 2; step < 5; step++) await trainStep(layer, tower, optimizer, step);
        const joint = tf.memory().numTensors;
        for (let step = 5; step < 12; step++) await trainStep(layer, tower, optimizer, step);
        expect(tf.memory().numTensors).toBe(joint);
        layer.dispose();
        tower.dispose();
        optimizer.dispose();
      });
    }

    it("never reads back synchronously, but for the look at the very first batch", async () => {
      const layer = new IndexingLayer({ ...base, restartEvery: 1 });
      const tower = newTower();
      const optimizer = tf.train.sgd(0.01);
      await trainStep(layer, tower, optimizer, 0);
      // What dataSync and its like go through; data() does not.
      const readSync = vi.spyOn(tf.engine(), "readSync");
      for (let step = 1; step < 9; step++) await trainStep(layer, tower, optimizer, step);
      expect(layer.phase).toBe("joint");
      expect(readSync).not.toHaveBeenCalled();
      readSync.mockRestore();
      layer.dispose();
    });

    it("leaves no tensor behind after dispose", async () => {
      const before = tf.memory().numTensors;
      for (const steps of [0, 1, 2, 4]) {
        const layer = new IndexingLayer({ ...base, warmupSteps: 1 });
        for (let step = 0; step < steps; step++) {
          tf.tidy(() => {
            layer.call(itemBatch(step), { training: true });
          });
          // The last step is left open: what it keeps for afterStep must go too.
          if (step + 1 < steps) await layer.afterStep();
        }
        layer.dispose();
        expect(tf.memory().numTensors).toBe(before);
      }
    });
  });

  describe("what moves and what stays", () => {
    const watch = async (options: Partial<IndexingLayerOptions>) => {
      const layer = await readyLayer(options);
      const before = await layer.codebook();
      const tower = newTower();
      const towerBefore = tower.dataSync().slice();
      const optimizer = tf.train.sgd(0.05);
      for (let step = 0; step < 6; step++) await trainStep(layer, tower, optimizer, step);
      const after = await layer.codebook();
      layer.dispose();
      return {
        tower: worstDifference(towerBefore, tower.dataSync()),
        coarse: worstDifference(before.coarseCentroids, after.coarseCentroids),
        centroids: worstDifference(before.centroids, after.centroids),
        rotation: worstDifference(before.rotation ?? [], after.rotation ?? []),
        hasRotation: after.rotation !== undefined,
      };
    };

    it("all of it moves with moving averages and Givens turns", async () => {
      const moved = await watch({ rotation: "givens" });
      for (const part of ["tower", "coarse", "centroids", "rotation"] as const)
        expect(moved[part]).toBeGreaterThan(1e-4);
    });

    it("an OPQ rotation stays as it was fitted", async () => {
      const moved = await watch({ rotation: "opq" });
      expect(moved.hasRotation).toBe(true);
      expect(moved.rotation).toBe(0);
      expect(moved.centroids).toBeGreaterThan(1e-4);
    });

    it("centroids follow the distortion's gradient in the original preset, without any rotation", async () => {
      const moved = await watch({ preset: "poeem" });
      expect(moved.hasRotation).toBe(false);
      expect(moved.coarse).toBeGreaterThan(1e-4);
      expect(moved.centroids).toBeGreaterThan(1e-4);
    });

    it("centroids stay without distortion weight, moving averages and restarts", async () => {
      const moved = await watch({ codebookUpdate: "gradient", distortionWeight: 1e-30, restartEvery: 0 });
      expect(moved.centroids).toBeLessThan(1e-20);
      expect(moved.tower).toBeGreaterThan(1e-4);
    });
  });

  describe("in training", () => {
    it("moving averages bring the centroids to the means of what is assigned to them", async () => {
      const layer = await readyLayer({ rotation: "none", emaDecay: 0.5, restartEvery: 0 });
      const shifted = tf.tidy(() => tf.add(itemBatch(0), 0.3)) as tf.Tensor2D;
      const distortion = () => tf.sum(tf.squaredDifference(shifted, layer.call(shifted).quantized)).dataSync()[0]!;
      const before = distortion();
      for (let step = 0; step < 30; step++) {
        tf.tidy(() => {
          layer.call(shifted, { training: true });
        });
        await layer.afterStep();
      }
      expect(distortion()).toBeLessThan(0.2 * before);
      layer.dispose();
    });

    it("Givens turns lower the distortion of a stretched sample further than a fixed frame", async () => {
      const stretched = normals(256 * dim, 7).map((value, i) => value / (1 + (i % dim)));
      const x = tf.tensor2d(stretched, [256, dim]);
      const run = async (rotation: "none" | "givens") => {
        const layer = new IndexingLayer({ ...base, nlist: 0, rotation, restartEvery: 0, givens: { stepSize: 0.3 } });
        await layer.initialize(stretched);
        for (let step = 0; step < 60; step++) {
          tf.tidy(() => {
            layer.call(x, { training: true });
          });
          await layer.afterStep();
        }
        return tf.mean(tf.sum(tf.squaredDifference(x, layer.call(x).quantized), 1)).dataSync()[0]!;
      };
      expect(await run("givens")).toBeLessThan(0.9 * (await run("none")));
    });

    it("dead centroids are put to use again", async () => {
      const layer = await readyLayer({ rotation: "none", restartEvery: 3, restartThreshold: 0.1 });
      // Cell 0 and all but one centroid of the first sub-quantizer are sent where no item is.
      tf.tidy(() => {
        const coarse = layer.coarseCentroids!.dataSync().slice();
        coarse.fill(50, 0, dim);
        layer.coarseCentroids!.assign(tf.tensor2d(coarse, [4, dim]));
        const sub = layer.centroids.dataSync().slice();
        sub.fill(50, 4, 16 * 4);
        layer.centroids.assign(tf.tensor3d(sub, [4, 16, 4]));
      });
      const x = tf.tensor2d(items, [items.length / dim, dim]);
      const used = () => {
        const { coarseCodes, codes } = layer.call(x);
        const first = codes.dataSync().filter((_, i) => i % 4 === 0);
        return { cells: new Set(coarseCodes.dataSync()).size, centroids: new Set(first).size };
      };
      const before = used();
      for (let step = 0; step < 12; step++) {
        tf.tidy(() => {
          layer.call(x, { training: true });
        });
        await layer.afterStep();
      }
      expect(before.centroids).toBe(1);
      expect(used().cells).toBe(4);
      expect(used().centroids).toBeGreaterThan(8);
      layer.dispose();
    });
  });

  describe("a checkpoint", () => {
    for (const options of [{}, { preset: "poeem" as const }]) {
      it(`restores bit for bit, whatever the phase: ${JSON.stringify(options)}`, async () => {
        for (const stopAfter of [1, 3, 9]) {
          const run = async (interrupt: boolean) => {
            let layer = new IndexingLayer({ ...base, ...options });
            const tower = newTower();
            const optimizer = tf.train.sgd(0.05);
            for (let step = 0; step < 14; step++) {
              if (interrupt && step === stopAfter) {
                const state = structuredClone(await layer.getState());
                layer.dispose();
                layer = new IndexingLayer({ ...base, ...options });
                layer.setState(state);
              }
              await trainStep(layer, tower, optimizer, step);
            }
            const end = await layer.getState();
            layer.dispose();
            return end;
          };
          expect(await run(true)).toEqual(await run(false));
        }
      });
    }

    it("of another shape is refused", async () => {
      const state = await (await readyLayer()).getState();
      const other = new IndexingLayer({ ...base, nlist: 8 });
      expect(() => other.setState(state)).toThrow('"state.variables.coarseCentroids" expected 128 numbers, got 64');
      expect(() => other.setState({ ...state, version: 2 as 1 })).toThrow('"state.version" expected 1, got 2');
    });
  });

  describe("bad input", () => {
    const cases: [string, Partial<IndexingLayerOptions>, string][] = [
      ["dim not divisible by M", { numSubQuantizers: 3 }, '"dim" expected a multiple of numSubQuantizers (3), got 16'],
      ["nlist above the buffer", { nlist: 65 }, '"nlist" expected at most bufferSize (64), got 65'],
      ["nbits 5", { nbits: 5 as 4 }, '"nbits" expected one of 4, 8, got 5'],
      ["too small a buffer", { nbits: 8 }, '"bufferSize" expected at least 2^nbits (256), got 64'],
      [
        "an unknown rotation",
        { rotation: "svd" as "opq" },
        '"rotation" expected one of none, opq, givens, opq+givens, got svd',
      ],
      ["an unknown preset", { preset: "best" as "poeem" }, '"preset" expected one of default, poeem, got best'],
      ["a negative weight", { commitmentWeight: -1 }, '"commitmentWeight" expected a number >= 0, got -1'],
      ["NaN", { emaDecay: Number.NaN }, '"emaDecay" expected a number in 0..1, got NaN'],
      ["an unknown option", { nlists: 4 } as object, '"config" expected known options only, got "nlists"'],
      [
        "an unknown Givens option",
        { givens: { rate: 1 } as object },
        '"givens" expected known options only, got "rate"',
      ],
      ["a fractional step count", { warmupSteps: 1.5 }, '"warmupSteps" expected an integer >= 0, got 1.5'],
    ];
    for (const [what, options, message] of cases) {
      it(`${what} is named before the first step`, () => {
        const before = tf.memory().numTensors;
        expect(() => new IndexingLayer({ ...base, ...options })).toThrow(
          expect.objectContaining({ name: "InputError", message }),
        );
        expect(tf.memory().numTensors).toBe(before);
      });
    }

    it("NaN among the first items is named before the first step", () => {
      const layer = new IndexingLayer(base);
      const bad = items.slice(0, 2 * dim);
      bad[5] = Number.NaN;
      expect(() => layer.call(tf.tensor2d(bad, [2, dim]), { training: true })).toThrow(
        '"x" expected finite numbers, got NaN at index 5',
      );
    });

    it("NaN in the sample, or too small a one, is named", async () => {
      const layer = new IndexingLayer(base);
      const bad = items.slice();
      bad[7] = Number.POSITIVE_INFINITY;
      await expect(layer.initialize(bad)).rejects.toThrow('"samples" expected finite numbers, got Infinity at index 7');
      await expect(layer.initialize(items.slice(0, dim))).rejects.toThrow('"samples" expected at least 256 numbers');
      await expect(layer.initialize(items.slice(0, dim + 1))).rejects.toThrow(
        '"samples" expected a multiple of dim (16)',
      );
    });

    it("missing queries are named where a loss that needs them was asked for, in every phase", async () => {
      const asked = new IndexingLayer({ ...base, routingWeight: 0.5 });
      const message = '"queries" expected a tensor, because routingWeight was given, got none';
      expect(() => asked.call(itemBatch(0), { training: true })).toThrow(message);
      await asked.initialize(items);
      expect(() => asked.call(itemBatch(0), { training: true })).toThrow(message);
      expect(asked.call(itemBatch(0)).codes.shape).toEqual([batchSize, 4]);
      // by default it is on wherever there are queries
      const byDefault = await readyLayer();
      expect(byDefault.call(itemBatch(0), { training: true }).losses.routing).toBeUndefined();
      expect(byDefault.call(itemBatch(0), { training: true, queries: itemBatch(1) }).losses.routing).toBeDefined();
    });

    it("items or queries of another shape are named", async () => {
      const layer = await readyLayer();
      const x = itemBatch(0);
      expect(() => layer.call(tf.zeros([2, 8]))).toThrow('"x" expected shape [batch, 16], got [2,8]');
      const queries = tf.zeros<tf.Rank.R2>([batchSize + 1, dim]);
      expect(() => layer.call(x, { training: true, queries })).toThrow(
        '"queries" expected at most 32 rows of 16, got [33,16]',
      );
    });
  });
});
