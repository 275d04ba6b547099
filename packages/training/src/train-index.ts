import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isOnDevice } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { checkIndexTarget, writeIndexDirectory } from "@poeem/offline/index-folder/write";
import { formatCount, type ProgressStarter, silentProgress } from "@poeem/offline/progress";
import { DEFAULT_TOKENIZER } from "@poeem/towers";
import * as tf from "@tensorflow/tfjs";
import { exportModel, ITEM_VECTORS_FILE, TOWER_TOLERANCE } from "./artifact/export.ts";
import { ITEM_TOWER_FILE, itemTowerBytes } from "./artifact/item-tower-file.ts";
import { useBackend } from "./backend/backend.ts";
import type { BackendName } from "./backend/names.ts";
import { isVectorsOnly } from "./config/kinds.ts";
import { loadConfig, withoutSetup } from "./config.ts";
import { describeDoubts } from "./data/doubts.ts";
import { filterColumns } from "./data/filter-columns.ts";
import { type LoadOptions, loadData } from "./data/load.ts";
import { dataFacts, describeData } from "./data/report.ts";
import { trainingData } from "./data/sample.ts";
import { releaseMemory } from "./release-memory.ts";
import { CheckpointStore } from "./train/checkpoint.ts";
import { describeFit, fitConfig } from "./train/fit-config.ts";
import { Interrupt, InterruptedError } from "./train/interrupt.ts";
import { type LoopFacts, trainModel } from "./train/loop.ts";
import type { TrainedIndex } from "./train/trained-index.ts";
import { DATA_FACTS_FILE, TRAINING_LOG_FILE, type TrainingLog } from "./train/training-log.ts";
import { validationOf } from "./train/validation-recall.ts";
import { trainVectors } from "./vectors/train-vectors.ts";

export type { TrainedIndex };

export interface TrainIndexOptions extends LoadOptions {
  /** File of the configuration. */
  readonly config: string;
  /** Index folder to write; default: dist/index beside the config. */
  readonly out?: string | undefined;
  readonly backend: BackendName;
  /** Overrides `training.seed`. */
  readonly seed?: number | undefined;
  /** Resume from the last checkpoint, if there is one. */
  readonly resume?: boolean | undefined;
  /** Least seconds between two checkpoints. */
  readonly checkpointEvery: number;
  /** News for a person, one line each; default: dropped. */
  readonly say?: ((line: string) => void) | undefined;
  readonly startProgress?: ProgressStarter | undefined;
}

/**
 * Data → joint training → index folder. The facts include those of the last epoch. Vectors alone are learned as they
 * are, without steps (`trainVectors`).
 * @throws InterruptedError when a signal stopped it; UserError for what the configuration, the data or the disk is to
 * blame for
 */
export async function trainIndex({
  say = () => undefined,
  startProgress = silentProgress,
  ...options
}: TrainIndexOptions): Promise<TrainedIndex> {
  const started = performance.now();
  const { config: asked, directory, retired } = await loadConfig(options.config);
  if (retired.length > 0) say(`${options.config}: ${retired.join(", ")}: does nothing any more, and can be left out`);
  if (options.seed !== undefined) asked.training.seed = options.seed;
  const out = options.out ?? join(dirname(resolve(options.config)), "dist/index");
  await checkIndexTarget(out);
  const backend = await useBackend(options.backend, say);
  if (isVectorsOnly(asked)) {
    if (options.resume) say("--resume: vectors alone are learned in one go, starting from the beginning");
    return trainVectors({ config: asked, directory, out, backend, options, say, startProgress, started });
  }
  const raw = await loadData(asked, directory, options);
  const filters = filterColumns(raw, asked);
  const dataset = trainingData(raw, asked);
  const data = dataFacts(raw, dataset);
  for (const line of describeData(asked, data)) say(line);
  for (const line of describeDoubts(raw, asked, dataset.train.texts)) say(line);
  const config = fitConfig(asked, dataset);
  for (const line of describeFit(asked, config, dataset)) say(line);
  const checkpoints = new CheckpointStore(
    `${resolve(out)}.checkpoints`,
    { config: withoutSetup(asked), dataHash: raw.hash, dataHashes: raw.hashes, backend, code: await codeVersions() },
    options.checkpointEvery,
  );
  const resume = await findCheckpoint(checkpoints, options.resume ?? false, say);
  await checkpoints.prepare();
  let isWritten = false;
  const interrupt = new Interrupt(() => {
    if (isWritten) return `stopped; the index in ${out} is complete, its report.html may be missing`;
    if (!checkpoints.hasSome) return "stopped before the first checkpoint; nothing of this run is kept";
    return `stopped; --resume continues from the last checkpoint in ${checkpoints.directory}`;
  });
  try {
    const validation = validationOf(dataset, config);
    releaseMemory();
    const trained = await trainModel(config, dataset, { checkpoints, resume, interrupt, validation, startProgress });
    if (trained.weightsOfStep < trained.steps)
      say(`validation recall was best at step ${formatCount(trained.weightsOfStep)}; these weights are kept`);
    const runFacts = {
      dataHash: raw.hash,
      dataHashes: raw.hashes,
      heldOutHash: dataset.heldOutHash,
      seed: config.training.seed,
      backend,
      epochs: trained.epochs,
      steps: trained.steps,
      weightsOfStep: trained.weightsOfStep,
    };
    const exported = await exportModel(trained, config, raw, dataset, filters, runFacts, startProgress, say);
    // written so that NaN fails too
    if (!(exported.towerDifference <= TOWER_TOLERANCE)) {
      throw new UserError(
        `the exported query tower differs from the trained one by ${exported.towerDifference}, ` +
          `expected at most ${TOWER_TOLERANCE}`,
      );
    }
    const { artifact, itemVectors, itemTower, weights } = exported;
    interrupt.defer(`finishing the index in ${out}`);
    say(`writing the index to ${out}`);
    const bytes = await writeIndexDirectory(out, artifact, {
      [ITEM_VECTORS_FILE]: new Uint8Array(itemVectors.buffer),
      [ITEM_TOWER_FILE]: itemTowerBytes(itemTower),
      [TRAINING_LOG_FILE]: new TextEncoder().encode(
        JSON.stringify({ ...trained.log, words: weights } satisfies TrainingLog),
      ),
      [DATA_FACTS_FILE]: new TextEncoder().encode(JSON.stringify(data)),
    });
    isWritten = true;
    await checkpoints.clear();
    say("drawing report.html");
    // loaded at the end: the charts take half a second to load
    await (await import("./report/write-report.ts")).writeReport(out);
    return {
      out,
      version: artifact.version,
      items: raw.ids.length,
      bytes,
      chunks: artifact.chunks.length,
      seconds: (performance.now() - started) / 1000,
      backend,
      examplesPerSecond: trained.examplesPerSecond,
      steps: trained.steps,
      data,
      ...trained.epochs.at(-1),
    };
  } catch (error) {
    if (error instanceof InterruptedError) {
      throw new InterruptedError(`${error.message}; the same command with --resume continues from there`);
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
        `${checkpoints.directory} holds a run stopped at step ${formatCount(newest)}; ` +
          "without --resume this run starts over and replaces it",
      );
    }
    return undefined;
  }
  const checkpoint = await checkpoints.latest<LoopFacts>(say);
  say(
    checkpoint
      ? `resuming from step ${formatCount(checkpoint.step)}`
      : `--resume: no checkpoint in ${checkpoints.directory}, starting from the beginning`,
  );
  return checkpoint;
}

/** Versions of everything that computes: with others the same steps round differently, or rows are of other words. */
async function codeVersions(): Promise<Record<string, string>> {
  const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
  const node = `v${process.versions.node.split(".")[0]}`;
  const tokenizer = String(DEFAULT_TOKENIZER.version);
  // "1", of steps that keep all on the device: they round unlike those that came before
  return {
    poeem: version,
    checkpoint: "5",
    tfjs: tf.version_core,
    node,
    tokenizer,
    ...(isOnDevice() && { device: "1" }),
  };
}
