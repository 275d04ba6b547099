/**
 * Steps on one backend in a process of its own: node profile.ts BACKEND ITEMS|CONFIG BATCH NEGATIVES STEPS [DATA] →
 * one JSON line.
 */
import { Random } from "@poeem/indexing-layer";
import { useBackend } from "@poeem/training/backend/backend";
import type { BackendName } from "@poeem/training/backend/names";
import { type FittedConfig, loadConfig } from "@poeem/training/config";
import { loadData } from "@poeem/training/data/load";
import { trainingData } from "@poeem/training/data/sample";
import type { Dataset } from "@poeem/training/data/types";
import { TwoTower } from "@poeem/training/model/two-tower";
import { releaseMemory } from "@poeem/training/release-memory";
import { createLayer } from "@poeem/training/train/create-layer";
import { createStep } from "@poeem/training/train/create-step";
import { fitConfig } from "@poeem/training/train/fit-config";
import { eventOrderOf } from "@poeem/training/train/history-batch";
import { benchConfig, randomCatalogue } from "../train/catalogue.ts";
import { meter } from "./meter.ts";
import type { StepProfile } from "./result.ts";

const source = process.argv[3]!;
const [batchSize, negatives, steps] = process.argv.slice(4).map(Number) as [number, number, number];
const backend = await useBackend(process.argv[2] as BackendName);
const { dataset, config } = await catalogueOf(source);
const model = new TwoTower(config, dataset);
const layer = createLayer(config, { warmupSteps: 2 }, dataset);
const step = createStep({ config, dataset, model, layer, random: new Random(2) });
const orderOf = eventOrderOf(config, dataset);
const perEpoch = Math.floor(dataset.eventItem.length / batchSize);
const eventsOf = (i: number): Uint32Array => {
  const at = (i % perEpoch) * batchSize;
  return orderOf(Math.floor(i / perEpoch)).subarray(at, at + batchSize);
};
let at = 0;
let events = eventsOf(0);
/** As the training's loop has it. */
const take = async (): Promise<void> => {
  const next = eventsOf(++at);
  await step.take(events, 1, next);
  events = next;
  if (at % step.readEvery === 0) await step.results();
};
while (!layer.ready) await take();
releaseMemory();
for (let i = 0; i < step.readEvery; i++) await take();
await step.results();

const metered = meter();
const cpuBefore = process.cpuUsage();
const started = performance.now();
for (let i = 0; i < steps; i++) await take();
await step.results();
const wallMs = performance.now() - started;
const cpu = process.cpuUsage(cpuBefore);
const examples = steps * batchSize;
const counted = metered?.();
process.stdout.write(
  `${JSON.stringify({
    ...{ backend, items: dataset.ids.length, batchSize, negatives, steps },
    microsecondsPerExample: (1000 * wallMs) / examples,
    cpuMicrosecondsPerExample: (cpu.user + cpu.system) / examples,
    ...(counted && {
      operationsPerStep: counted.operations / steps,
      hostMicrosecondsPerExample: (1000 * (wallMs - counted.operationMs)) / examples,
      bytesToDevicePerExample: counted.bytesTo / examples,
      bytesFromDevicePerExample: counted.bytesFrom / examples,
    }),
    peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
  } satisfies StepProfile)}\n`,
);
process.exit(0);

/** So many random items, or what a configuration has. */
async function catalogueOf(source: string): Promise<{ dataset: Dataset; config: FittedConfig }> {
  if (/^\d+$/.test(source)) {
    const dataset = randomCatalogue(Number(source), 1 << 19);
    return { dataset, config: benchConfig(dataset, { batchSize, negatives }) };
  }
  const { config, directory } = await loadConfig(source);
  const dataset = trainingData(
    await loadData(config, directory, process.argv[7] === undefined ? {} : { data: process.argv[7] }),
    config,
  );
  Object.assign(config.training, { batchSize, negatives });
  return { dataset, config: fitConfig(config, dataset) };
}
