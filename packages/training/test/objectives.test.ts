import { MASKED, Random, type Teacher } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../src/backend/backend.ts";
import { resolveConfig } from "../src/config.ts";
import { emptyLists, toCsr } from "../src/data/csr.ts";
import { hingeLoss } from "../src/train/objectives/hinge.ts";
import { candidateLogQ } from "../src/train/objectives/log-q.ts";
import { objectiveLoss } from "../src/train/objectives/objective.ts";

const [n, dim] = [4, 3];
const random = new Random(3);
const WEIGHTS = [0.25, 3, 1, 0.5];
const unitRows = (rows: number): number[][] =>
  Array.from({ length: rows }, () => {
    const row = Array.from({ length: dim }, () => random.normal());
    const norm = Math.hypot(...row);
    return row.map((x) => x / norm);
  });
const dot = (a: number[], b: number[]): number => a.reduce((sum, x, d) => sum + x * b[d]!, 0);

/** The softmax that the trainer's objectives come down to, `right` being the queries' own rows by default. */
function softmaxOf(
  objective: "softmax" | "full",
  [queries, candidates, logScale]: tf.Tensor2D[],
  masked: ReturnType<typeof toCsr>,
  {
    logQ = [],
    right = [0, 1, 2, 3],
    teacher,
    weights,
  }: { logQ?: number[]; right?: number[]; teacher?: Teacher; weights?: readonly number[] } = {},
): tf.Scalar {
  return objectiveLoss(configOf(objective), {
    queries: queries!,
    candidates: candidates!,
    teacher,
    right: tf.tensor1d(right, "int32"),
    weighted: weights && {
      targets: toCsr(right.map((column) => [column])),
      targetWeights: Float32Array.from(weights),
    },
    masked,
    logQ: Float32Array.from(logQ),
    logScale: tf.reshape(logScale!, []) as tf.Scalar,
  }).total;
}

const configOf = (objective: "softmax" | "full") =>
  resolveConfig({ name: "t", data: { items: "-", events: "-" }, training: { objective }, items: {} }, "test").training;

/** An objective in tensors, and the same in loops over plain numbers in double precision. */
interface Case {
  readonly name: string;
  readonly inputs: number[][][];
  readonly tensors: (inputs: tf.Tensor2D[]) => tf.Scalar;
  readonly loops: (inputs: number[][][]) => number;
}

function softmaxLoops(logits: number[][], right: number[], weights = right.map(() => 1)): number {
  const rows = logits.map((row, i) => {
    const top = Math.max(...row);
    return weights[i]! * (top + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - top), 0)) - row[right[i]!]!);
  });
  return rows.reduce((sum, x) => sum + x, 0) / weights.reduce((sum, weight) => sum + weight, 0);
}

const listsOf = (mask: number[][]) =>
  toCsr(mask.map((row) => row.flatMap((value, j) => (value === MASKED ? [j] : []))));

const cases: Case[] = [];
for (const c of [n, n + 5]) {
  const mask = Array.from({ length: n }, (_, i) =>
    Array.from({ length: c }, (_, j) => (i !== j && (i + 2 * j) % 5 === 0 ? MASKED : 0)),
  );
  const logQ = Array.from({ length: c }, () => random.normal() / 2);
  for (const weights of [undefined, WEIGHTS])
    cases.push({
      name: `the softmax of ${n} queries over ${c} candidates${weights ? ", each of a weight" : ""}`,
      inputs: [unitRows(n), unitRows(c), [[Math.log(5)]]],
      tensors: (inputs) => softmaxOf("softmax", inputs, listsOf(mask), { logQ, ...(weights && { weights }) }),
      loops: ([q, v, s]) =>
        softmaxLoops(
          q!.map((row, i) => v!.map((item, j) => Math.exp(s![0]![0]!) * dot(row, item) - logQ[j]! + mask[i]![j]!)),
          q!.map((_, i) => i),
          weights?.slice(),
        ),
    });
  const dense = unitRows(c);
  const teacherScale = 5;
  const start = unitRows(n);
  cases.push({
    name: `the softmax of ${n} queries over ${c} candidates with a teacher`,
    inputs: [start, unitRows(c)],
    tensors: ([q, v]) =>
      softmaxOf("softmax", [q!, v!, tf.tensor2d([[Math.log(teacherScale)]])], listsOf(mask), {
        logQ,
        teacher: { candidates: tf.tensor2d(dense), weight: 0.3 },
      }),
    loops: ([q, v]) => {
      const logits = (queries: number[][], to: number[][]) =>
        queries.map((row, i) => to.map((item, j) => teacherScale * dot(row, item) - logQ[j]! + mask[i]![j]!));
      // the teacher is a constant: it stays where the queries were before differences were taken
      const teacher = logits(start, dense);
      const student = logits(q!, v!);
      return student.reduce((sum, row, i) => {
        const logSum = Math.log(row.reduce((total, logit) => total + Math.exp(logit), 0));
        const teacherSum = teacher[i]!.reduce((total, logit) => total + Math.exp(logit), 0);
        const distillation = row.reduce(
          (total, logit, j) => total + (Math.exp(teacher[i]![j]!) / teacherSum) * (logSum - logit),
          0,
        );
        return sum + (logSum - row[i]! + 0.3 * distillation) / n;
      }, 0);
    },
  });
  // wide enough that about half the candidates violate it; far from the kinks, where differences show no gradient
  for (const weights of [undefined, WEIGHTS])
    cases.push({
      name: `hingeLoss of ${n} queries over ${c} candidates${weights ? ", each of a weight" : ""}`,
      inputs: [unitRows(n), unitRows(c)],
      tensors: ([q, v]) => hingeLoss(q!, v!, listsOf(mask), 0.7, weights && Float32Array.from(weights)),
      loops: ([q, v]) => {
        let sum = 0;
        q!.forEach((row, i) => {
          v!.forEach((item, j) => {
            const missing = Math.max(0, 0.7 - dot(row, v![i]!) + dot(row, item));
            if (i !== j && mask[i]![j] === 0) sum += (weights?.[i] ?? 1) * missing;
          });
        });
        return sum / (weights ? weights.reduce((total, weight) => total + weight, 0) : n);
      },
    });
}
const right = [6, 0, 3, 6];
const others = Array.from({ length: n }, (_, i) =>
  Array.from({ length: 8 }, (_, j) => (j !== right[i] && (i + j) % 4 === 0 ? MASKED : 0)),
);
for (const [mask, weights] of [[undefined], [others], [others, WEIGHTS]] as const) {
  cases.push({
    name:
      `the full softmax over 8 items, ${mask ? "some of them masked" : "two queries with one right item"}` +
      (weights ? ", each of a weight" : ""),
    inputs: [unitRows(n), unitRows(8), [[Math.log(3)]]],
    tensors: (inputs) =>
      softmaxOf("full", inputs, mask ? listsOf(mask) : emptyLists(n), { right, ...(weights && { weights }) }),
    loops: ([q, v, s]) =>
      softmaxLoops(
        q!.map((row, i) => v!.map((item, j) => Math.exp(s![0]![0]!) * dot(row, item) + (mask?.[i]?.[j] ?? 0))),
        right,
        weights?.slice(),
      ),
  });
}

/** d loops / d inputs[which][row][column], by central differences. */
function slope({ inputs, loops }: Case, which: number, row: number, column: number): number {
  const at = (delta: number): number => {
    const moved = inputs.map((input) => input.map((values) => values.slice()));
    moved[which]![row]![column]! += delta;
    return loops(moved);
  };
  return (at(1e-5) - at(-1e-5)) / 2e-5;
}

for (const backend of ["wasm", "cpu"] as const) {
  describe(`objectives on ${backend}`, () => {
    beforeAll(async () => {
      await useBackend(backend);
    });

    for (const problem of cases) {
      it(`${problem.name}: the value of the loops, and the gradients that differences show`, async () => {
        const before = tf.memory().numTensors;
        const inputs = problem.inputs.map((input) => tf.tensor2d(input));
        const { value, grads } = tf.valueAndGrads((...args: tf.Tensor[]) => problem.tensors(args as tf.Tensor2D[]))(
          inputs,
        );
        expect((await value.data())[0]).toBeCloseTo(problem.loops(problem.inputs), 4);
        for (const [which, gradient] of grads.entries()) {
          const values = (await gradient.array()) as number[][];
          values.forEach((row, i) => {
            row.forEach((actual, j) => {
              expect(Math.abs(actual - slope(problem, which, i, j)), `input ${which}, (${i}, ${j})`).toBeLessThan(1e-4);
            });
          });
        }
        tf.dispose([inputs, value, grads]);
        expect(tf.memory().numTensors).toBe(before);
      });
    }
  });
}

describe("candidateLogQ", () => {
  it("is what counting the candidates of many batches shows", () => {
    const eventItem = [0, 0, 0, 0, 0, 1, 1, 2, 3, 3];
    const [numItems, batch, uniform] = [4, 6, 3];
    const counts = new Float64Array(numItems);
    const batches = 20_000;
    for (let b = 0; b < batches; b++) {
      for (let i = 0; i < batch; i++) counts[eventItem[random.integer(eventItem.length)]!]!++;
      for (let i = 0; i < uniform; i++) counts[random.integer(numItems)]!++;
    }
    candidateLogQ(eventItem, numItems, batch, uniform).forEach((value, item) => {
      expect(value).toBeCloseTo(Math.log(counts[item]! / batches / ((batch + uniform) / numItems)), 1);
    });
  });

  it("without uniform candidates is the log of an item's share of the events next to the average", () => {
    const logQ = candidateLogQ([0, 0, 0, 1], 3, 8, 0);
    // 3 of 4 events against 1/3 on average; item 2 counts as if it had one event
    [Math.log(9 / 4), Math.log(3 / 4), Math.log(3 / 4)].forEach((expected, item) => {
      expect(logQ[item]).toBeCloseTo(expected, 6);
    });
  });
});
