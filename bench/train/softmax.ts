/**
 * The softmax of a training step, loss and gradients, by our kernel and by TensorFlow.js' wasm backend in one run:
 *
 *     node bench/train/softmax.ts [ROUNDS]
 *
 * The two take turns. GFLOP/s count the products alone (three, four with a teacher), over the time of everything.
 */
import { Random, type SoftmaxProblem, softmaxInTensors } from "@poeem/indexing-layer";
import { SoftmaxKernel, softmaxKernelBytes } from "@poeem/indexing-layer/kernel";
import { supportsRelaxedSimd } from "@poeem/pq-core";
import { useBackend } from "@poeem/training/backend/backend";
import { toCsr } from "@poeem/training/data/csr";
import * as tf from "@tensorflow/tfjs";

const rounds = Number(process.argv[2] ?? 20);
const DIM = 64;
const SCALE = 20;
await useBackend("wasm");
const bytes = softmaxKernelBytes(supportsRelaxedSimd() ? "relaxed" : "plain");
if (!bytes) throw new Error("no kernel: npm run kernels");
const kernel = new SoftmaxKernel(bytes);
const random = new Random(1);

function unitRows(rows: number): tf.Tensor2D {
  const values = Float32Array.from({ length: rows * DIM }, () => random.normal());
  return tf.tidy(() => {
    const x = tf.tensor2d(values, [rows, DIM]);
    return tf.div(x, tf.norm(x, 2, 1, true));
  });
}

interface Case {
  readonly name: string;
  readonly flop: number;
  readonly problem: SoftmaxProblem;
}

function mixture(groups: number, places: number, count: number): Case {
  return {
    name: `${groups} groups of ${places} rows, ${count} candidates`,
    flop: 3 * 2 * groups * places * count * DIM,
    problem: {
      queries: unitRows(groups * places),
      candidates: unitRows(count),
      logWeights: tf.zeros([groups, places]),
      scale: SCALE,
      least: 1e-30,
      targets: toCsr(Array.from({ length: groups }, (_, g) => Array.from({ length: 10 }, (_, i) => g * 10 + i))),
      masked: toCsr(Array.from({ length: groups * places }, (_, row) => [(500 + row) % count])),
      logQ: Float32Array.from({ length: count }, () => random.normal()),
    },
  };
}

function inBatch(n: number): Case {
  return {
    name: `${n} queries and candidates with a teacher`,
    flop: 4 * 2 * n * n * DIM,
    problem: {
      queries: unitRows(n),
      candidates: unitRows(n),
      scale: SCALE,
      targets: tf.range(0, n, 1, "int32"),
      logQ: Float32Array.from({ length: n }, () => random.normal()),
      teacher: { candidates: unitRows(n), weight: 0.25 },
    },
  };
}

for (const { name, flop, problem } of [mixture(48, 16, 2900), inBatch(1024)]) {
  const ways = { kernel: () => ({ ...kernel.run(problem) }), tensors: () => ({ ...softmaxInTensors(problem) }) };
  const times: Record<string, number[]> = {};
  for (let round = 0; round < rounds + 5; round++) {
    for (const [way, run] of Object.entries(ways)) {
      const started = performance.now();
      tf.dispose(run());
      // the first rounds wait for the optimizing compiler
      if (round >= 5) times[way] = [...(times[way] ?? []), performance.now() - started];
    }
  }
  for (const [way, all] of Object.entries(times)) {
    all.sort((a, b) => a - b);
    const [least, median] = [all[0]!, all[all.length >> 1]!];
    console.log(
      `${name}, ${way}: median ${median.toFixed(1)} ms, least ${least.toFixed(1)} ms, ` +
        `${(flop / least / 1e6).toFixed(1)} GFLOP/s`,
    );
  }
}
process.exit(0);
