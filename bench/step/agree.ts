/** The same steps on two backends from one state: node agree.ts CONFIG STEPS BACKEND... */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { useBackend } from "@poeem/training/backend/backend";
import { loadConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";
import { TwoTower } from "@poeem/training/model/two-tower";
import { joinStates, restoreParts, type State } from "@poeem/training/state";
import { createLayer } from "@poeem/training/train/create-layer";
import { createStep } from "@poeem/training/train/create-step";
import { fitConfig } from "@poeem/training/train/fit-config";
import { eventOrderOf } from "@poeem/training/train/history-batch";
import { layerState } from "@poeem/training/train/layer-state";
import { planTraining } from "@poeem/training/train/plan";

const [configFile, count, ...backends] = process.argv.slice(2);
const steps = Number(count);
const { config: asked, directory } = await loadConfig(resolve(configFile!));
const raw = await loadData(asked, directory, {});
const dataset = buildDataset(raw, asked);
const config = fitConfig(asked, dataset);
const plan = planTraining(config, dataset);

function start() {
  const model = new TwoTower(config, dataset);
  const layer = createLayer(config, plan, dataset);
  const step = createStep({ config, dataset, model, layer, random: new Random(config.training.seed + 1) });
  return { layer, step, parts: { model, layer: layerState(layer), step } };
}

const orderOf = eventOrderOf(config, dataset);
const eventsOf = (i: number): Uint32Array => {
  const at = (i % plan.stepsPerEpoch) * plan.batchSize;
  return orderOf(Math.floor(i / plan.stepsPerEpoch)).subarray(at, at + plan.batchSize);
};

let state: State | undefined;
let from = 0;
const all: Record<string, number[]> = {};
for (const backend of backends) {
  await useBackend(backend as "wasm");
  const { layer, step, parts } = start();
  if (state) restoreParts(parts, state);
  else {
    for (; !layer.ready || from < 340; from++) await step.run(eventsOf(from), 1);
    await step.pull();
    state = structuredClone(await joinStates(parts));
  }
  const losses: number[] = [];
  let events = eventsOf(from);
  for (let i = 0; i < steps; i++) {
    const next = eventsOf(from + i + 1);
    await step.take(events, 1, next);
    events = next;
    losses.push(...(await step.results()).map(({ loss }) => loss));
  }
  all[backend] = losses;
  step.dispose();
}
writeFileSync("/tmp/q/agree.json", JSON.stringify(all));
const [a, b] = Object.values(all) as [number[], number[]];
const mean = (v: readonly number[]) => v.reduce((sum, x) => sum + x, 0) / v.length;
for (const upTo of [1, 2, 5, 10, 50, 100, 200, 300, 400])
  console.log(
    upTo,
    "mean",
    mean(a.slice(0, upTo)),
    mean(b.slice(0, upTo)),
    "apart",
    mean(b.slice(0, upTo)) / mean(a.slice(0, upTo)) - 1,
    "last step",
    b[upTo - 1]! / a[upTo - 1]! - 1,
  );
process.exit(0);
