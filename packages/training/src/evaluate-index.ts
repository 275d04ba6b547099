import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { readVectors, writeBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import type { ProgressStarter } from "@poeem/offline/progress";
import type { Index } from "@poeem/pq-core";
import { normalForm } from "@poeem/towers";
import { ITEM_VECTORS_FILE } from "./artifact/export.ts";
import { bytesPerItem } from "./artifact/summary.ts";
import { type BackendName, useBackend } from "./backend/backend.ts";
import { loadConfig, type PoeemConfig } from "./config.ts";
import { buildDataset } from "./data/dataset.ts";
import { textsFromColumns } from "./data/item-texts.ts";
import { type LoadOptions, loadData } from "./data/load.ts";
import { heldOutFacts, nothingHeldOut } from "./data/report.ts";
import type { QuerySet, RawData } from "./data/types.ts";
import { baselinesFor } from "./evaluate/baselines.ts";
import { checkData, checkHeldOut, checkSplit } from "./evaluate/check-split.ts";
import { queryEncoders } from "./evaluate/encoder.ts";
import { filledCells, measureAll } from "./evaluate/evaluation.ts";
import { EVALUATION_FILE, type EvaluationResult } from "./evaluate/result.ts";
import { sampleQueries } from "./rank/sample-queries.ts";

export interface EvaluateIndexOptions extends LoadOptions {
  /** File of the configuration that the index was trained with. */
  readonly config: string;
  /** Index folder. */
  readonly index: string;
  /** At most this many held-out queries, evenly spread, unless `all`. */
  readonly queries: number;
  readonly all?: boolean | undefined;
  /** Rows of the index; default: powers of two. */
  readonly nprobe?: number[] | undefined;
  /** Bytes per item of the indexes made afterwards; `true` = those of the index. */
  readonly afterwards?: number[] | true | undefined;
  /** Redraw the report in the index folder with these figures. */
  readonly report?: boolean | undefined;
  readonly backend: BackendName;
  readonly startProgress?: ProgressStarter | undefined;
}

/**
 * Full ranking of held-out queries by dense brute force, by the index at several nprobe, and by baselines.
 * @throws UserError for an index of another split or other data: held-out queries may have been trained on
 */
export async function evaluateIndex(options: EvaluateIndexOptions): Promise<EvaluationResult> {
  const started = performance.now();
  const { config, directory } = await loadConfig(options.config);
  const index = await openIndexDirectory(options.index);
  const names = { folder: options.index, file: options.config };
  checkSplit(index.manifest, config, names);
  const raw = await loadData(config, directory, options);
  checkData(index.manifest, raw, config, names);
  await useBackend(options.backend);
  const dataset = buildDataset(raw, config);
  checkHeldOut(index.manifest, dataset, names);
  const dense = await readItemVectors(options.index, index, dataset.ids.length);
  const queries = sampleQueries(dataset.test, options.all ? dataset.test.count : options.queries);
  if (queries.count === 0) throw new UserError(`nothing to evaluate: ${nothingHeldOut(config)}`);

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
    probes: options.nprobe,
    startProgress: options.startProgress,
  });
  const { testQueries: heldOut, ...facts } = heldOutFacts(dataset);
  const result: EvaluationResult = {
    index: options.index,
    version: index.version,
    items: dataset.ids.length,
    queries: queries.count,
    heldOut,
    ...facts,
    unnamedQueries: unnamed?.length ?? null,
    cells: Math.max(1, index.manifest.nlist),
    emptyCells: Math.max(1, index.manifest.nlist) - filledCells(index),
    seconds: (performance.now() - started) / 1000,
    rows,
  };
  if (options.report) {
    await writeBytes(join(options.index, EVALUATION_FILE), new TextEncoder().encode(`${JSON.stringify(result)}\n`));
    // loaded when asked for: the charts take half a second to load
    await (await import("./report/write-report.ts")).writeReport(options.index);
  }
  return result;
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
  const names = new Set(textsFromColumns(raw, config.items.text).map(normalForm));
  return Uint32Array.from(texts.keys()).filter((query) => !names.has(normalForm(texts[query]!)));
}
