import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { checkIndexTarget, writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { formatCount, formatSeconds } from "@poeem/offline/progress";
import { exportModel, TOWER_TOLERANCE } from "@poeem/training/artifact/export";
import { ITEM_TOWER_FILE, itemTowerBytes } from "@poeem/training/artifact/item-tower-file";
import { type BackendName, useBackend } from "@poeem/training/backend/backend";
import { loadConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { filterColumns } from "@poeem/training/data/filter-columns";
import { type LoadOptions, loadData } from "@poeem/training/data/load";
import { dataFacts, describeData } from "@poeem/training/data/report";
import { releaseMemory } from "@poeem/training/release-memory";
import { CheckpointStore } from "@poeem/training/train/checkpoint";
import { Interrupt, InterruptedError } from "@poeem/training/train/interrupt";
import { type LoopFacts, trainModel } from "@poeem/training/train/loop";
import { DATA_FACTS_FILE, TRAINING_LOG_FILE } from "@poeem/training/train/training-log";
import { validationOf } from "@poeem/training/train/validation-recall";
import * as tf from "@tensorflow/tfjs";

export interface TrainOptions extends LoadOptions {
  config: string;
  out?: string;
  backend: BackendName;
  seed?: number;
  resume?: boolean;
  checkpointEvery: number;
  json?: boolean;
}

/** Name of the file of item vectors before quantization, inside the index folder. Not published. */
export const ITEM_VECTORS_FILE = "model/item-vectors.f32";

/** `poeem train`: data → joint training → index folder. */
export async function train(options: TrainOptions): Promise<void> {
  const started = performance.now();
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const { config, directory } = await loadConfig(options.config);
  if (options.seed !== undefined) config.training.seed = options.seed;
  const out = options.out ?? join(dirname(resolve(options.config)), "dist/index");
  await checkIndexTarget(out);
  const backend = await useBackend(options.backend, say);
  const raw = await loadData(config, directory, options);
  const filters = filterColumns(raw, config);
  const dataset = buildDataset(raw, config);
  const data = dataFacts(raw, dataset);
  for (const line of describeData(config.name, data)) say(line);
  const checkpoints = new CheckpointStore(
    `${resolve(out)}.checkpoints`,
    { config, dataHash: raw.hash, backend, code: await codeVersions() },
    options.checkpointEvery,
  );
  const resume = await findCheckpoint(checkpoints, options.resume ?? false, say);
  await checkpoints.prepare();
  const interrupt = new Interrupt(
    () => `stopped; --resume goes on from the last checkpoint in ${checkpoints.directory}`,
  );
  try {
    const validation = validationOf(dataset);
    releaseMemory();
    const trained = await trainModel(config, dataset, { checkpoints, resume, interrupt, validation });
    if (trained.weightsOfStep < trained.steps)
      say(`validation recall was best at step ${formatCount(trained.weightsOfStep)}; these weights are kept`);
    const exported = await exportModel(trained, config, raw, dataset, filters, {
      dataHash: raw.hash,
      seed: config.training.seed,
      backend,
      epochs: trained.epochs,
      steps: trained.steps,
      weightsOfStep: trained.weightsOfStep,
    });
    // written so that NaN fails too
    if (!(exported.towerDifference <= TOWER_TOLERANCE)) {
      throw new UserError(
        `the exported query tower differs from the trained one by ${exported.towerDifference}, expected at most ${TOWER_TOLERANCE}`,
      );
    }
    const { artifact, itemVectors, itemTower } = exported;
    await writeIndexDirectory(out, artifact, {
      [ITEM_VECTORS_FILE]: new Uint8Array(itemVectors.buffer),
      [ITEM_TOWER_FILE]: itemTowerBytes(itemTower),
      [TRAINING_LOG_FILE]: new TextEncoder().encode(JSON.stringify(trained.log)),
      [DATA_FACTS_FILE]: new TextEncoder().encode(JSON.stringify(data)),
    });
    await checkpoints.clear();
    // loaded at the end: the charts take half a second to load
    await (await import("@poeem/training/report/write-report")).writeReport(out);
    const bytes = artifact.chunks.reduce((sum, chunk) => sum + chunk.bytes.length, artifact.manifestBytes.length);
    const seconds = (performance.now() - started) / 1000;
    if (options.json) {
      const facts = {
        out,
        version: artifact.version,
        items: dataset.ids.length,
        bytes,
        seconds,
        examplesPerSecond: trained.examplesPerSecond,
        steps: trained.steps,
        data,
        ...trained.epochs.at(-1),
      };
      process.stdout.write(`${JSON.stringify(facts)}\n`);
      return;
    }
    say(
      `index ${artifact.version} in ${out}: ${formatCount(dataset.ids.length)} items, ${formatCount(bytes)} bytes in ${artifact.chunks.length} chunks; ` +
        `${formatSeconds(seconds)} in all, ${formatCount(trained.examplesPerSecond)} examples/s`,
    );
  } catch (error) {
    if (error instanceof InterruptedError) {
      throw new InterruptedError(`${error.message}; the same command with --resume goes on from there`);
    }
    throw error;
  } finally {
    interrupt.dispose();
    await checkpoints.clearIfEmpty();
  }
}

async function findCheckpoint(checkpoints: CheckpointStore, resume: boolean, say: (line: string) => void) {
  if (!resume) {
    const [newest] = await checkpoints.steps();
    if (newest !== undefined) {
      say(
        `${checkpoints.directory} holds a training stopped at step ${formatCount(newest)}; without --resume this one starts anew and will take its place`,
      );
    }
    return undefined;
  }
  const checkpoint = await checkpoints.latest<LoopFacts>(say);
  say(
    checkpoint
      ? `going on from step ${formatCount(checkpoint.step)}`
      : `--resume: no checkpoint in ${checkpoints.directory}, starting from the beginning`,
  );
  return checkpoint;
}

/** Versions of everything that computes: with others the same steps may round differently. */
async function codeVersions(): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  return { poeem: version, tfjs: tf.version_core, node: `v${process.versions.node.split(".")[0]}` };
}
