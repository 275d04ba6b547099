/**
 * How far the losses of two backends are apart over the same steps: wasm takes the steps before, until the quantizer
 * has started, and both go on from its state, so that neither has a start of its own.
 *
 *     npm run bench:agree -- [--config examples/symbols/poeem.config.ts] [--backend node] [--steps 400] [--json]
 */
import { parseArgs } from "node:util";
import { Random } from "@poeem/indexing-layer";
import { useBackend } from "@poeem/training/backend/backend";
import type { BackendName } from "@poeem/training/backend/names";
import { loadConfig } from "@poeem/training/config";
import { loadData } from "@poeem/training/data/load";
import { trainingData } from "@poeem/training/data/sample";
import { TwoTower } from "@poeem/training/model/two-tower";
import { joinStates, restoreParts, type State } from "@poeem/training/state";
import { createLayer } from "@poeem/training/train/create-layer";
import { createStep } from "@poeem/training/train/create-step";
import { fitConfig } from "@poeem/training/train/fit-config";
import { eventOrderOf } from "@poeem/training/train/history-batch";
import { layerState } from "@poeem/training/train/layer-state";
import { planTraining } from "@poeem/training/train/plan";

const { values: flags } = parseArgs({
  options: {
    config: { type: "string", default: "examples/symbols/poeem.config.ts" },
    backend: { type: "string", default: "node" },
    steps: { type: "string", default: "400" },
    json: { type: "boolean", default: false },
  },
});

const { config: asked, directory } = await loadConfig(flags.config);
const raw = await loadData(asked, directory, {});
const dataset = trainingData(raw, asked);
const config = fitConfig(asked, dataset);
const plan = planTraining(config, dataset);
const orderOf = eventOrderOf(config, dataset);
const eventsOf = (i: number): Uint32Array => {
  const at = (i % plan.stepsPerEpoch) * plan.batchSize;
  return orderOf(Math.floor(i / plan.stepsPerEpoch)).subarray(at, at + plan.batchSize);
};

async function start(backend: BackendName) {
  await useBackend(backend);
  const model = new TwoTower(config, dataset);
  const layer = createLayer(config, plan, dataset);
  const step = createStep({ config, dataset, model, layer, random: new Random(config.training.seed + 1) });
  return { layer, step, parts: { model, layer: layerState(layer), step } };
}

/** @returns the loss of each of some steps from a state */
async function lossesOf(backend: BackendName, state: State, from: number, steps: number): Promise<number[]> {
  const { step, parts } = await start(backend);
  restoreParts(parts, state);
  let events = eventsOf(from);
  for (let i = 1; i <= steps; i++) {
    const next = eventsOf(from + i);
    await step.take(events, 1, next);
    events = next;
  }
  const losses = (await step.results()).map(({ loss }) => loss);
  step.dispose();
  return losses;
}

const { layer, step, parts } = await start("wasm");
let from = 0;
while (!layer.ready) await step.run(eventsOf(from++), 1);
const state = structuredClone(await joinStates(parts));
step.dispose();
const steps = Number(flags.steps);
const wasm = await lossesOf("wasm", state, from, steps);
const other = await lossesOf(flags.backend as BackendName, state, from, steps);

const meanOf = (losses: readonly number[], end: number): number =>
  losses.slice(0, end).reduce((sum, loss) => sum + loss, 0) / end;
const rows = [1, 10, 50, 100, 200, 400, 800]
  .filter((end) => end <= steps)
  .map((end) => ({ steps: end, wasm: meanOf(wasm, end), other: meanOf(other, end) }))
  .map((row) => ({ ...row, apart: Math.abs(row.other / row.wasm - 1) }));
if (flags.json) process.stdout.write(`${JSON.stringify({ backend: flags.backend, from, rows })}\n`);
else {
  process.stdout.write(`from step ${from} on, mean loss\n`);
  for (const row of rows)
    process.stdout.write(
      `${row.steps} steps: wasm ${row.wasm.toFixed(5)}, ${flags.backend} ${row.other.toFixed(5)}, ` +
        `apart ${row.apart.toExponential(1)}\n`,
    );
}
// of as many steps as the two are to agree over
process.exit(steps >= 400 && rows.at(-1)!.apart > 1e-3 ? 1 : 0);
