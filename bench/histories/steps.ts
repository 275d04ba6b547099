/**
 * Steps of a training, in a process of its own: node bench/histories/steps.ts DIR [STEPS] → milliseconds a step,
 * examples a second, and a hash of the item vectors after them, which says whether two versions learn the same.
 */
import { createHash } from "node:crypto";
import { Random } from "@poeem/indexing-layer";
import { useBackend } from "@poeem/training/backend/backend";
import { loadConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";
import { TwoTower } from "@poeem/training/model/two-tower";
import { createLayer } from "@poeem/training/train/create-layer";
import { createStep } from "@poeem/training/train/create-step";
import { fitConfig } from "@poeem/training/train/fit-config";
import { eventOrderOf } from "@poeem/training/train/history-batch";
import { planTraining } from "@poeem/training/train/plan";

const [data, steps = "60"] = process.argv.slice(2);
if (data === undefined) throw new Error("expected the folder that bench/histories.ts wrote");
const { config: asked, directory } = await loadConfig(new URL("poeem.config.ts", import.meta.url).pathname);
await useBackend("wasm");
const dataset = buildDataset(await loadData(asked, directory, { data }), asked);
const fitted = fitConfig(asked, dataset);
const config = { ...fitted, index: { ...fitted.index, warmup: 0 } };
const plan = planTraining(config, dataset);
let started = performance.now();
const model = new TwoTower(config, dataset);
const startSeconds = (performance.now() - started) / 1000;
const layer = createLayer(config, plan, dataset);
const step = createStep({ config, dataset, model, layer, random: new Random(2) });
const order = eventOrderOf(config, dataset)(0);
const { batchSize } = plan;
let at = 0;
const run = () => step.run(order.subarray(at++ * batchSize, at * batchSize), 1);
while (!layer.ready) await run();
for (let i = 0; i < 5; i++) await run();
started = performance.now();
const cpu = process.cpuUsage();
for (let i = 0; i < Number(steps); i++) await run();
const milliseconds = (performance.now() - started) / Number(steps);
const { user, system } = process.cpuUsage(cpu);
const items = await model.itemVectors();
console.log(
  JSON.stringify({
    startSeconds,
    milliseconds,
    cpuMilliseconds: (user + system) / 1000 / Number(steps),
    examplesPerSecond: Math.round((1000 * batchSize) / milliseconds),
    items: createHash("sha256").update(new Uint8Array(items.buffer)).digest("hex").slice(0, 16),
  }),
);
process.exit(0);
