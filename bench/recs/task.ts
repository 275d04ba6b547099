import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig, type PoeemConfig, type PoeemConfigInput } from "@poeem/training/config";
import type { Csr } from "@poeem/training/data/csr";
import { buildDataset } from "@poeem/training/data/dataset";
import { loadData } from "@poeem/training/data/load";
import type { Dataset, QuerySet } from "@poeem/training/data/types";
import { trainingLists } from "@poeem/training/evaluate/training-lists";
import { type MetricName, rankingMetrics } from "@poeem/training/rank/metrics";
import { sampleQueries } from "@poeem/training/rank/sample-queries";
import type { SetKind } from "./sets.ts";

/** Items of each ranking: the last place that is measured. */
export const K = 100;

/** Held-out queries: what is known of each, which is left out of its ranking, and what is to be found. */
export type Queries = QuerySet;

/** What every peer gets: the split that `poeem` itself makes, so that all of them rank for the same users. */
export interface Task {
  readonly numItems: number;
  /** Whether lists and histories are in order of time. */
  readonly ordered: boolean;
  /** Items of each user to learn from while settings are chosen, without repeats, and then for the test. */
  readonly fit: Csr;
  readonly fitAll: Csr;
  readonly validation: Queries;
  readonly test: Queries;
  /** Name of what settings are chosen by. */
  readonly choose: MetricName;
  /** The figure that settings are chosen by, of rankings for the validation queries. */
  score(ranked: readonly ArrayLike<number>[]): number;
}

/** A task, and what ours needs beside it. */
export interface OpenTask extends Task {
  readonly dataset: Dataset;
  readonly config: PoeemConfig;
}

export interface Limits {
  /** At most this many test users, evenly spread. */
  readonly users: number;
  /** At most this many validation users, evenly spread. */
  readonly validation: number;
}

/** Writes a configuration as a file, which `poeem` and {@link openTask} read. Functions in it are lost. */
export async function writeConfig(folder: string, name: string, config: PoeemConfigInput): Promise<string> {
  const file = join(folder, `${name}.mjs`);
  await writeFile(file, `export default ${JSON.stringify(config, null, 2)};\n`);
  return file;
}

/** Reads and splits the data as `poeem` does. @param file configuration @param data folder of its files */
export async function openTask(file: string, data: string, kind: SetKind, limits: Limits): Promise<OpenTask> {
  const { config, directory } = await loadConfig(file);
  const dataset = buildDataset(await loadData(config, directory, { data }), config);
  return { ...taskOf(dataset, kind, limits), dataset, config };
}

/** The task of a data set that was split. */
export function taskOf(dataset: Dataset, { choose, refit }: SetKind, { users, validation }: Limits): Task {
  const watched = sampleQueries(dataset.validation, validation);
  if (watched.count === 0) throw new Error("expected validation queries to choose settings by, got none");
  return {
    numItems: dataset.ids.length,
    ordered: dataset.ordered,
    fit: dataset.train.relevant,
    fitAll: refit ? trainingLists(dataset) : dataset.train.relevant,
    validation: watched,
    test: sampleQueries(dataset.test, users),
    choose,
    score: (ranked) => rankingMetrics(ranked, watched.relevant)[choose],
  };
}
