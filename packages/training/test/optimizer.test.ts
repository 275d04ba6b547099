import { Random } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { DenseOptimizer } from "../src/model/dense-optimizer.ts";
import { EmbeddingTable } from "../src/model/embedding-table.ts";

const random = new Random(5);
const values = (n: number): Float32Array => Float32Array.from({ length: n }, () => random.normal());

for (const backend of ["wasm", "cpu"] as const) {
  describe(`DenseOptimizer on ${backend}`, () => {
    for (const name of ["adagrad", "adam"] as const) {
      it(`takes the steps of tf.train.${name}`, async () => {
        await useBackend(backend);
        const shapes: [number, number][] = [
          [3, 4],
          [1, 4],
        ];
        const starts = shapes.map(([r, c]) => values(r * c));
        const make = () => starts.map((start, i) => tf.tidy(() => tf.variable(tf.tensor(start, shapes[i]!))));
        const [ours, theirs] = [make(), make()];
        const optimizer = new DenseOptimizer(name, ours);
        const reference = name === "adam" ? tf.train.adam(0.05) : tf.train.adagrad(0.05);
        for (let step = 0; step < 5; step++) {
          const gradients = shapes.map((shape) => tf.tensor(values(shape[0] * shape[1]), shape));
          optimizer.apply(Object.fromEntries(ours.map((variable, i) => [variable.name, gradients[i]!])), 0.05);
          reference.applyGradients(theirs.map((variable, i) => ({ name: variable.name, tensor: gradients[i]! })));
          tf.dispose(gradients);
        }
        for (const [i, variable] of ours.entries()) {
          const expected = await theirs[i]!.data();
          (await variable.data()).forEach((value, at) => {
            // of steps of 0.05: float32 rounds what tf.train keeps in tensors
            expect(Math.abs(value - expected[at]!)).toBeLessThan(1e-5);
          });
        }
      });

      it(`${name} goes on bit for bit from a state, and leaves no tensor behind`, async () => {
        await useBackend(backend);
        const gradients = [values(4), values(4), values(4)];
        const run = (variable: tf.Variable, optimizer: DenseOptimizer, from: number, to: number): void => {
          for (const gradient of gradients.slice(from, to)) {
            tf.tidy(() => optimizer.apply({ [variable.name]: tf.tensor(gradient) }, 0.1));
          }
        };
        const before = tf.memory().numTensors;
        const whole = tf.tidy(() => tf.variable(tf.tensor(gradients[0]!)));
        const optimizer = new DenseOptimizer(name, [whole]);
        run(whole, optimizer, 0, 2);
        const resumed = tf.tidy(() => tf.variable(whole.clone()));
        const second = new DenseOptimizer(name, [resumed]);
        second.restore(await optimizer.state());
        run(whole, optimizer, 2, 3);
        run(resumed, second, 2, 3);
        expect(await resumed.data()).toEqual(await whole.data());
        optimizer.dispose();
        second.dispose();
        tf.dispose([whole, resumed]);
        expect(tf.memory().numTensors).toBe(before);
      });
    }
  });
}

describe("EmbeddingTable with Adam", () => {
  const table = () => new EmbeddingTable(5, 3, { random: new Random(1), stddev: 1, accumulator: 0, optimizer: "adam" });

  it("takes Adam's step, written out, on the rows that have a gradient and no other", () => {
    const sparse = table();
    const expected = Float64Array.from(sparse.rows);
    const moments = { first: new Float64Array(15), second: new Float64Array(15), count: [0, 0, 0, 0, 0] };
    for (const rows of [[1, 3], [3], [3, 4]]) {
      for (const row of rows) {
        const gradient = values(3);
        sparse.addGradient(row, 1, gradient, 0);
        const t = ++moments.count[row]!;
        for (let d = 0; d < 3; d++) {
          const at = row * 3 + d;
          moments.first[at] = 0.9 * moments.first[at]! + 0.1 * gradient[d]!;
          moments.second[at] = 0.999 * moments.second[at]! + 0.001 * gradient[d]! ** 2;
          const deviation = Math.sqrt(moments.second[at]! / (1 - 0.999 ** t)) + 1e-10;
          expected[at]! -= (0.1 * (moments.first[at]! / (1 - 0.9 ** t))) / deviation;
        }
      }
      sparse.step(0.1);
    }
    sparse.rows.forEach((value, at) => {
      expect(value).toBeCloseTo(expected[at]!, 5);
    });
    expect(sparse.rows.slice(0, 3)).toEqual(table().rows.slice(0, 3));
  });

  it("goes on bit for bit from a state", () => {
    const [whole, resumed] = [table(), table()];
    whole.addGradient(2, 1, values(3), 0);
    whole.step(0.1);
    resumed.restore(whole.state());
    for (const sparse of [whole, resumed]) {
      sparse.addGradient(2, 1, Float32Array.of(1, 2, 3), 0);
      sparse.step(0.1);
    }
    expect(resumed.rows).toEqual(whole.rows);
  });

  it("says what is wrong with a state of another table", () => {
    const state = table().state();
    expect(() => table().restore({ ...state, rows: new Float32Array(12) })).toThrow(
      /checkpoint "rows" expected a Float32Array of length 15, got length 12/,
    );
    const { first: _, ...rest } = state;
    expect(() => table().restore(rest)).toThrow(/checkpoint "first" .* got nothing/);
  });
});
