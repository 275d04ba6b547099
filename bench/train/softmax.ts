/**
 * The softmax of a training step, loss and gradients, by our kernel and by TensorFlow.js' wasm backend in one run:
 *
 *     node bench/train/softmax.ts [ROUNDS]
 *
 * The two take turns. GFLOP/s count the products alone (three, four with a teacher), over the time of everything.
 */
import { Random } from "@poeem/indexing-layer";
import { useBackend } from "@poeem/training/backend/backend";
import { emptyLists, toCsr } from "@poeem/training/data/csr";
import { fusedSoftmax, hasFusedSoftmax } from "@poeem/training/model/fused-softmax";
import { mixtureInTensors } from "@poeem/training/model/mixture-loss";
import { candidatesInTensors } from "@poeem/training/train/objectives/candidate-softmax";
import * as tf from "@tensorflow/tfjs";

const rounds = Number(process.argv[2] ?? 20);
const DIM = 64;
const SCALE = 20;
await useBackend("wasm");
if (!hasFusedSoftmax(1)) throw new Error("no kernel: npm run build -w @poeem/training");
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
  readonly ways: Readonly<Record<string, () => tf.TensorContainer>>;
}

function mixture(groups: number, places: number, count: number): Case {
  const queries = unitRows(groups * places);
  const candidates = unitRows(count);
  const logWeights = tf.zeros([groups, places]) as tf.Tensor2D;
  const lists = {
    targets: toCsr(Array.from({ length: groups }, (_, g) => Array.from({ length: 10 }, (_, i) => g * 10 + i))),
    masked: toCsr(Array.from({ length: groups * places }, (_, row) => [(500 + row) % count])),
    logQ: Float32Array.from({ length: count }, () => random.normal()),
  };
  return {
    name: `${groups} groups of ${places} rows, ${count} candidates`,
    flop: 3 * 2 * groups * places * count * DIM,
    ways: {
      kernel: () => ({ ...fusedSoftmax({ queries, candidates, logWeights, scale: SCALE, least: 1e-30, ...lists }) }),
      tensors: () => ({ ...mixtureInTensors(queries, candidates, logWeights, lists, SCALE) }),
    },
  };
}

function inBatch(n: number): Case {
  const [queries, candidates] = [unitRows(n), unitRows(n)];
  const teacher = { candidates: unitRows(n), weight: 0.25 };
  const competition = { masked: emptyLists(n), logQ: Float32Array.from({ length: n }, () => random.normal()) };
  const targets = toCsr(Array.from({ length: n }, (_, i) => [i]));
  const logScale = tf.scalar(Math.log(SCALE));
  return {
    name: `${n} queries and candidates with a teacher`,
    flop: 4 * 2 * n * n * DIM,
    ways: {
      kernel: () => ({
        ...fusedSoftmax({ queries, candidates, scale: SCALE, least: 0, targets, teacher, ...competition }),
      }),
      tensors: () => ({ ...candidatesInTensors(queries, candidates, competition, logScale, teacher) }),
    },
  };
}

for (const { name, flop, ways } of [mixture(48, 16, 2900), inBatch(1024)]) {
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
