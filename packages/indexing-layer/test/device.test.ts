import { isDeepStrictEqual } from "node:util";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it, vi } from "vitest";
import { IndexingLayer, type IndexingLayerOptions, type IndexingLayerState, inBatchSoftmaxLoss } from "../src/index.ts";
import { type Place, runOn, SIMULATED, use } from "./backends.ts";
import { clustered, worstDifference } from "./helpers.ts";

const dim = 16;
const n = 48;
const b = 32;
const items = clustered(n * 8, dim, 1);
const base: IndexingLayerOptions = {
  dim,
  nlist: 6,
  numSubQuantizers: 8,
  nbits: 4,
  warmupSteps: 2,
  bufferSize: 96,
  seed: 3,
  opqIterations: 2,
  restartEvery: 20,
};
const batch = (step: number, rows: number) => {
  const from = (step % 8) * n * dim;
  return tf.tensor2d(items.slice(from, from + rows * dim), [rows, dim]);
};

interface Run {
  readonly layer: IndexingLayer;
  readonly tower: tf.Variable;
  readonly losses: number[];
}

/** Trains an item tower of one matrix against fixed queries, with every loss of the layer. */
async function train({ layer, tower, losses }: Run, steps: number, trainable = layer.trainableVariables) {
  const optimizer = tf.train.sgd(0.02);
  for (let i = 0; i < steps; i++) {
    const step = layer.step;
    const [input, asked] = [batch(step, n), batch(step + 1, b)];
    const cost = optimizer.minimize(
      () => {
        const x = tf.matMul(input, tower as tf.Tensor2D) as tf.Tensor2D;
        const { quantized, losses: own, teacher } = layer.call(x, { training: true, queries: asked });
        return tf.add(own.total, inBatchSoftmaxLoss(asked, quantized, 10, 1 / b, teacher)) as tf.Scalar;
      },
      true,
      [tower, ...trainable],
    )!;
    losses.push((await cost.data())[0]!);
    tf.dispose([input, asked, cost]);
    await layer.afterStep();
  }
  optimizer.dispose();
}

function newRun(options: Partial<IndexingLayerOptions> = {}): Run {
  return {
    layer: new IndexingLayer({ ...base, ...options }),
    tower: tf.tidy(() => tf.variable(tf.eye(dim))),
    losses: [],
  };
}

async function ended(run: Run): Promise<{ state: IndexingLayerState; losses: number[]; tower: number[] }> {
  const state = await run.layer.getState();
  const tower = Array.from(await run.tower.data());
  run.layer.dispose();
  run.tower.dispose();
  return { state, losses: run.losses, tower };
}

async function trained(steps: number, options: Partial<IndexingLayerOptions> = {}) {
  const run = newRun(options);
  await train(run, steps);
  return ended(run);
}

/** Without listing all that differs. */
function expectSame(got: Awaited<ReturnType<typeof ended>>, expected: Awaited<ReturnType<typeof ended>>): void {
  expect(got.losses).toEqual(expected.losses);
  expect(isDeepStrictEqual(got, expected)).toBe(true);
}

/** Software that poses as a GPU needs its time. */
const stepsOn = (place: Place, steps: number) => (place === "webgpu" ? Math.ceil(steps / 5) : steps);

describe.each([...SIMULATED, "tensorflow", "webgpu"] as const)("the layer on a device: %s", (place) => {
  runOn(place);

  it.each([{}, { codebookUpdate: "gradient" as const }, { nlist: 0 }, { nbits: 8 as const, bufferSize: 288 }])(
    "does one step as the host does: %o",
    async (options) => {
      await use("cpu");
      const start = await trained(24, options);
      const values = async () => {
        const layer = new IndexingLayer({ ...base, ...options });
        layer.setState(start.state);
        const tower = tf.tidy(() => tf.variable(tf.tensor2d(start.tower, [dim, dim])));
        const [input, asked] = [batch(3, n), batch(4, b)];
        let codes: tf.Tensor[] = [];
        const { value, grads } = tf.variableGrads(() => {
          const x = tf.matMul(input, tower as tf.Tensor2D) as tf.Tensor2D;
          const result = layer.call(x, { training: true, queries: asked });
          codes = [result.coarseCodes, result.codes, result.quantized].map((tensor) => tf.keep(tf.clone(tensor)));
          const ranking = inBatchSoftmaxLoss(asked, result.quantized, 10, 1 / b, result.teacher);
          return tf.add(result.losses.total, ranking) as tf.Scalar;
        }, [tower, ...layer.trainableVariables]);
        await layer.afterStep();
        const read = async (tensor: tf.Tensor) => Array.from(await tensor.data());
        const made = {
          loss: await read(value),
          gradients: (await Promise.all(Object.values(grads).map(read))).flat(),
          codes: (await Promise.all(codes.map(read))) as [number[], number[], number[]],
          state: await layer.getState(),
        };
        tf.dispose([value, ...Object.values(grads), ...codes, tower, input, asked]);
        layer.dispose();
        return made;
      };
      expect(start.state.ready).toBe(true);
      const expected = await values();
      await use(place);
      const got = await values();
      expect(worstDifference(got.loss, expected.loss)).toBeLessThan(1e-4);
      expect(worstDifference(got.gradients, expected.gradients)).toBeLessThan(1e-4);
      for (const i of [0, 1, 2] as const) expect(worstDifference(got.codes[i], expected.codes[i])).toBeLessThan(1e-5);
      expect(worstDifference(got.state.rotation, expected.state.rotation)).toBeLessThan(1e-5);
      expect(worstDifference(got.state.correlation, expected.state.correlation)).toBeLessThan(1e-5);
      for (const [name, numbers] of Object.entries(expected.state.variables))
        expect(worstDifference(got.state.variables[name]!, numbers), name).toBeLessThan(1e-3);
    },
  );

  it("learns what the host learns", async () => {
    const steps = stepsOn(place, 400);
    await use("cpu");
    // k-means is another matter: it is on every backend, and rounding decides where it ends
    const start = await trained(5);
    const goOn = async () => {
      const run = newRun();
      run.layer.setState(start.state);
      run.tower.assign(tf.tensor2d(start.tower, [dim, dim]));
      await train(run, steps);
      const { losses } = await ended(run);
      return [losses.slice(0, 8), losses.slice(-8)].map((some) => some.reduce((sum, loss) => sum + loss, 0) / 8);
    };
    const expected = await goOn();
    await use(place);
    const got = await goOn();
    for (const i of [0, 1]) expect(Math.abs(got[i]! / expected[i]! - 1)).toBeLessThan(1e-3);
    expect(got[1]).toBeLessThan(0.98 * got[0]!);
  });

  it("repeats its bytes, also when a snapshot goes on", async () => {
    const steps = stepsOn(place, 50);
    const whole = await trained(steps);
    expectSame(await trained(steps), whole);
    for (const stopAfter of [3, steps >> 1]) {
      const first = newRun();
      await train(first, stopAfter);
      const second = newRun();
      second.layer.setState(structuredClone(await first.layer.getState()));
      second.tower.assign(first.tower);
      second.losses.push(...first.losses);
      await ended(first);
      await train(second, steps - stopAfter);
      expectSame(await ended(second), whole);
    }
  });

  it("reads nothing back in a step, and keeps the number of tensors", async () => {
    const run = newRun({ restartEvery: 0 });
    await train(run, 6);
    expect(run.layer.phase).toBe("joint");
    const step = async () => {
      tf.tidy(() => {
        run.layer.call(batch(1, n), { training: true, queries: batch(2, b) });
      });
      await run.layer.afterStep();
    };
    await step();
    const before = tf.memory().numTensors;
    // some kernels of TensorFlow's own backend ask it directly; those of the others compute with what they ask for
    const reader = place === "tensorflow" ? tf.backend() : tf.engine();
    const [read, readSync] = [vi.spyOn(reader, "read"), vi.spyOn(reader, "readSync")];
    for (let i = 0; i < 3; i++) await step();
    for (const spy of [read, readSync]) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
    expect(tf.memory().numTensors).toBe(before);
    await ended(run);
  });
});
