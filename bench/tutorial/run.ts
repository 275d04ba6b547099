import { IndexingLayer, resolveConfig } from "@poeem/indexing-layer";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
import { numItems, numQueries } from "./data.ts";
import { type Index, type Precision, precision, type QueryHalf } from "./evaluate.ts";
import { type Result, type ResultsFile, settingsHash } from "./results.ts";
import type { Model } from "./rows.ts";
import { createTowers, dim, forkTowers, type Towers, train } from "./train.ts";

const warmupSteps = 16_384;
const plain = { cosine: false, learningRateFactor: 1 };

/** Trains and measures what the results file does not have yet of one seed. Rows share the towers' warm-up. */
export async function runSeed(
  seed: number,
  models: readonly Model[],
  half: QueryHalf,
  results: ResultsFile,
  log: (line: string) => void,
): Promise<void> {
  const missing = models.filter((model) => !results.find(model, seed, half));
  if (missing.length === 0) return;
  await tf.setBackend("wasm");
  const warm = createTowers(seed);
  await train(warm, null, plain, warmupSteps);
  log(`seed ${seed}: warm-up ${warm.seconds.toFixed(1)} s`);
  let dense: Towers | undefined;
  for (const model of missing) {
    let measured: Measured;
    if (model.layer) {
      measured = await runJoint(model, forkTowers(warm), seed, half);
    } else {
      if (!dense) {
        dense = forkTowers(warm);
        await train(dense, null, plain);
      }
      measured = await runDense(model, dense, seed, half);
    }
    const result: Result = { model: model.name, settings: settingsHash(model), seed, half, ...measured };
    results.add(result);
    const precision = result.precision.map((p) => `${p.lenient.toFixed(5)}/${p.strict.toFixed(5)}`).join(" ");
    log(
      `seed ${seed}: ${model.name} ${precision}` +
        ` distortion ${result.distortion.toFixed(4)}, ${result.seconds.toFixed(1)} s`,
    );
  }
}

type Measured = Omit<Result, "model" | "settings" | "seed" | "half">;

/** The dense model itself, or IVF + PQ / OPQ fitted to its items. */
async function runDense(model: Model, towers: Towers, seed: number, half: QueryHalf): Promise<Measured> {
  const items = allUnits(towers.items, numItems);
  const queries = allUnits(towers.queries, numQueries);
  const index = model.nlist === 0 ? { items } : await fitAfterwards(model, items, seed);
  return {
    precision: measure(queries, index, model, "unit", half),
    distortion: meanSquare(items, index.items),
    stepsPerSecond: towers.step / towers.seconds,
    jointStepsPerSecond: 0,
    seconds: towers.seconds,
  };
}

async function fitAfterwards(model: Model, items: Float32Array, seed: number): Promise<Index> {
  const config = resolveConfig({
    dim,
    nlist: model.nlist,
    numSubQuantizers: 8,
    nbits: 8,
    bufferSize: numItems,
    seed,
    rotation: model.name.includes("opq") ? "opq" : "none",
    opqIterations: 30,
  });
  const layer = new IndexingLayer({ ...config });
  await layer.initialize(items);
  const { index } = quantizedIndex(layer, items);
  layer.dispose();
  return index;
}

async function runJoint(model: Model, towers: Towers, seed: number, half: QueryHalf): Promise<Measured> {
  const layer = new IndexingLayer({ ...model.layer!, seed });
  // The warm-up has been trained without the layer, which would have let every item pass unchanged.
  const state = await layer.getState();
  layer.setState({ ...state, step: warmupSteps });
  const jointStepsPerSecond = await train(towers, layer, model.joint!);
  const items = allUnits(towers.items, numItems);
  const { index, distortion } = quantizedIndex(layer, items);
  layer.dispose();
  const units = allUnits(towers.queries, numQueries);
  return {
    precision: measure(model.scoring === "unit" ? units : towers.queries.weights, index, model, model.scoring, half),
    ...(model.scoring === "unit" ? {} : { unitPrecision: measure(units, index, model, "unit", half) }),
    distortion,
    stepsPerSecond: towers.step / towers.seconds,
    jointStepsPerSecond,
    seconds: towers.seconds,
  };
}

function quantizedIndex(layer: IndexingLayer, items: Float32Array): { index: Index; distortion: number } {
  const quantized = new Float32Array(items.length);
  const cells = new Int32Array(numItems);
  const rowsAtOnce = 500;
  for (let from = 0; from < numItems; from += rowsAtOnce) {
    tf.tidy(() => {
      const part = tf.tensor2d(items.subarray(from * dim, (from + rowsAtOnce) * dim), [rowsAtOnce, dim]);
      const result = layer.call(part);
      quantized.set(result.quantized.dataSync(), from * dim);
      cells.set(result.coarseCodes.dataSync(), from);
    });
  }
  const centroids = tf.tidy(() => tf.clone(layer.rotateBack(layer.coarseCentroids!)));
  const coarseCentroids = centroids.dataSync() as Float32Array;
  centroids.dispose();
  return { index: { items: quantized, cells, coarseCentroids }, distortion: meanSquare(items, quantized) };
}

function measure(
  queries: Float32Array,
  index: Index,
  model: Model,
  kind: Model["scoring"],
  half: QueryHalf,
): Precision[] {
  return model.nprobes.map((nprobe) => precision(queries, index, dim, { kind, nprobe }, half));
}

function allUnits(table: Towers["items"], count: number): Float32Array {
  return table.units(Array.from({ length: count }, (_, i) => i));
}

/** Mean over rows of the squared distance. */
function meanSquare(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / (a.length / dim);
}
