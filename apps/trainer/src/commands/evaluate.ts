import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { readVectors, writeBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import type { Index } from "@poeem/pq-core";
import { normalizeText } from "@poeem/towers";
import { type BackendName, useBackend } from "@poeem/training/backend/backend";
import { loadConfig, type PoeemConfig } from "@poeem/training/config";
import { buildDataset } from "@poeem/training/data/dataset";
import { textsFromColumns } from "@poeem/training/data/item-texts";
import { type LoadOptions, loadData } from "@poeem/training/data/load";
import type { QuerySet, RawData } from "@poeem/training/data/types";
import { bytesPerItem } from "@poeem/training/evaluate/afterwards";
import { baselinesFor } from "@poeem/training/evaluate/baselines";
import { queryEncoders } from "@poeem/training/evaluate/encoder";
import { measureAll } from "@poeem/training/evaluate/evaluation";
import { formatEvaluation } from "@poeem/training/evaluate/print";
import { EVALUATION_FILE, type EvaluationResult } from "@poeem/training/evaluate/result";
import { sampleQueries } from "@poeem/training/rank/sample-queries";
import { ITEM_VECTORS_FILE } from "./train.ts";

export interface EvaluateOptions extends LoadOptions {
  config: string;
  index: string;
  queries: number;
  all?: boolean;
  /** Rows of the index; default: powers of two. */
  nprobe?: number[];
  /** Bytes an item; `true` = those of the index. */
  afterwards?: number[] | true;
  report?: boolean;
  backend: BackendName;
  json?: boolean;
}

/** `poeem evaluate`: full ranking of held-out queries by dense brute force, by the index at several nprobe, and by baselines. */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  const started = performance.now();
  const { config, directory } = await loadConfig(options.config);
  const index = await openIndexDirectory(options.index);
  checkSplit(index, config, options);
  const raw = await loadData(config, directory, options);
  checkData(index, raw, options);
  await useBackend(options.backend);
  const dataset = buildDataset(raw, config);
  const dense = await readItemVectors(options.index, index, dataset.ids.length);
  const queries = sampleQueries(dataset.test, options.all ? dataset.test.count : options.queries);
  if (queries.count === 0) throw new UserError("nothing to evaluate: the split holds out no query");

  const unnamed = unnamedQueries(queries, raw, config);
  const rows = await measureAll({
    index,
    ids: [...dataset.ids],
    dense,
    ...(await queryEncoders(index, queries, dataset, config.training.seed)),
    relevant: queries.relevant,
    seen: queries.histories,
    unnamed,
    baselines: baselinesFor(queries, raw, config, dataset),
    afterwards: options.afterwards === true ? [bytesPerItem(index.manifest)] : (options.afterwards ?? []),
    seed: config.training.seed,
    probes: options.nprobe?.map((nprobe) => Math.min(nprobe, Math.max(1, index.manifest.nlist))),
  });
  const result: EvaluationResult = {
    index: options.index,
    version: index.version,
    items: dataset.ids.length,
    queries: queries.count,
    heldOut: dataset.test.count,
    unnamedQueries: unnamed?.length ?? null,
    seconds: (performance.now() - started) / 1000,
    rows,
  };
  if (options.report) {
    await writeBytes(join(options.index, EVALUATION_FILE), new TextEncoder().encode(`${JSON.stringify(result)}\n`));
    // loaded when asked for: the charts take half a second to load
    await (await import("@poeem/training/report/write-report")).writeReport(options.index);
  }
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : formatEvaluation(result));
}

type TrainingFacts = { dataHash?: string; config?: PoeemConfig } | undefined;

/** Another split would call queries held out that were trained on. */
function checkSplit(index: Index, config: PoeemConfig, { index: folder, config: file }: EvaluateOptions): void {
  const trained = (index.manifest.training as TrainingFacts)?.config;
  if (trained === undefined) throw new UserError(`${folder} was not made by \`poeem train\`: its split is not known`);
  for (const name of ["by", "columns", "testModulus", "share"] as const) {
    const [before, now] = [trained.split[name], config.split[name]].map((value) => JSON.stringify(value));
    if (before === now) continue;
    throw new UserError(
      `${folder} was trained with split.${name} ${before}, ${file} says ${now}: held-out queries may have been trained on`,
    );
  }
}

function checkData(index: Index, raw: RawData, { index: folder, config: file }: EvaluateOptions): void {
  const trained = (index.manifest.training as TrainingFacts)?.dataHash;
  if (trained === raw.hash) return;
  throw new UserError(
    `${folder} was trained on other data (hash ${trained?.slice(0, 12)}) than ${file} names (${raw.hash.slice(0, 12)}): held-out queries may have been trained on`,
  );
}

async function readItemVectors(folder: string, { manifest: { dim } }: Index, count: number): Promise<Float32Array> {
  const file = join(folder, ITEM_VECTORS_FILE);
  const vectors = await readVectors(file, dim);
  if (vectors.length === count * dim) return vectors;
  throw new UserError(`${file}: expected ${count} vectors, got ${vectors.length / dim}`);
}

/** Queries that are not, word for word, the text of an item: those are known to every ranking. */
function unnamedQueries({ texts }: QuerySet, raw: RawData, config: PoeemConfig): Uint32Array | undefined {
  if (texts.length === 0 || config.items.text.length === 0) return undefined;
  const names = new Set(textsFromColumns(raw, config.items.text).map(normalizeText));
  return Uint32Array.from(texts.keys()).filter((query) => !names.has(normalizeText(texts[query]!)));
}
