/**
 * One row of `bench:train` in a process of its own, for its peak of memory: node row.ts ITEMS STEPS BACKEND → one
 * JSON line.
 */
import { IndexingLayer, Random } from "@poeem/indexing-layer";
import { useBackend } from "@poeem/training/backend/backend";
import type { BackendName } from "@poeem/training/backend/names";
import { BatchBuilder } from "@poeem/training/model/batch";
import { TwoTower } from "@poeem/training/model/two-tower";
import { releaseMemory } from "@poeem/training/release-memory";
import { joinStates } from "@poeem/training/state";
import { layerState } from "@poeem/training/train/layer-state";
import { TrainingStep } from "@poeem/training/train/step";
import { BATCH, benchConfig, randomCatalogue } from "./catalogue.ts";

const [items, steps] = process.argv.slice(2, 4).map(Number) as [number, number];
const backend = await useBackend(process.argv[4] as BackendName);
// Node, TensorFlow.js and its backend before there is any data
const floorBytes = process.memoryUsage.rss();
const EVENTS = 1 << 19;
const dataset = randomCatalogue(items, EVENTS);
const config = benchConfig(dataset);
releaseMemory();
const model = new TwoTower(config, dataset);
const { nlist, numSubQuantizers, nbits, bufferSize } = config.index;
const layer = new IndexingLayer({
  dim: 64,
  nlist,
  numSubQuantizers,
  nbits,
  bufferSize,
  warmupSteps: 2,
  seed: 1,
});
const random = new Random(2);
const step = new TrainingStep({ config, dataset, model, layer, batches: new BatchBuilder(dataset, BATCH), random });
const order = new Uint32Array(random.permutation(EVENTS).buffer);
let at = 0;
const run = async (): Promise<number> => {
  const events = order.subarray((at * BATCH) % EVENTS, ((at * BATCH) % EVENTS) + BATCH);
  at++;
  const started = performance.now();
  await step.run(events, 1);
  return performance.now() - started;
};
while (!layer.ready) await run();
releaseMemory();
for (let i = 0; i < 10; i++) await run();
const times: number[] = [];
const cpuBefore = process.cpuUsage();
for (let i = 0; i < steps; i++) times.push(await run());
const cpu = process.cpuUsage(cpuBefore);
times.sort((a, b) => a - b);
const total = times.reduce((sum, time) => sum + time, 0);
const state = await joinStates({ model, layer: layerState(layer), step });
let stateBytes = 0;
for (const value of Object.values(state)) stateBytes += typeof value === "number" ? 8 : value.byteLength;
process.stdout.write(
  `${JSON.stringify({
    backend,
    items,
    batch: BATCH,
    examplesPerSecond: Math.round((1000 * BATCH * steps) / total),
    // on a machine that others use too, this says what a core of one's own would do
    examplesPerCpuSecond: Math.round((1e6 * BATCH * steps) / (cpu.user + cpu.system)),
    medianStepMs: times[steps >> 1],
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    floorBytes,
    stateBytes,
  })}\n`,
);
process.exit(0);
