import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { readVectors, writeBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import type { ProgressStarter } from "@poeem/offline/progress";
import type { Index } from "@poeem/pq-core";
import { normalForm, normalizeText } from "@poeem/towers";
import { ITEM_VECTORS_FILE } from "./artifact/export.ts";
import { bytesPerItem } from "./artifact/summary.ts";
import { type BackendName, useBackend } from "./backend/backend.ts";
import { loadConfig, type PoeemConfig } from "./config.ts";
import { buildDataset } from "./data/dataset.ts";
import { textsFromColumns } from "./data/item-texts.ts";
import { type LoadOptions, loadData } from "./data/load.ts";
import { heldOutFacts } from "./data/report.ts";
import type { Dataset, QuerySet, RawData } from "./data/types.ts";
import { baselinesFor } from "./evaluate/baselines.ts";
import { queryEncoders } from "./evaluate/encoder.ts";
import { measureAll } from "./evaluate/evaluation.ts";
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
  checkSplit(index, config, options);
  const raw = await loadData(config, directory, options);
  checkData(index, raw, options);
  await useBackend(options.backend);
  const dataset = buildDataset(raw, config);
  checkHeldOut(index, raw, config, dataset, options);
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

const MAY_BE_SEEN = "held-out queries may have been trained on";

type TrainingFacts = { dataHash?: string; heldOutHash?: string; config?: PoeemConfig } | undefined;

/** Another split would call queries held out that were trained on. */
function checkSplit(index: Index, config: PoeemConfig, { index: folder, config: file }: EvaluateIndexOptions): void {
  const trained = (index.manifest.training as TrainingFacts)?.config;
  if (trained === undefined) throw new UserError(`${folder} was not made by \`poeem train\`: its split is not known`);
  const [before, now] = [splitOf(trained), splitOf(config)];
  for (const name of Object.keys(now)) {
    if (before[name] === now[name]) continue;
    const [then, here] = [before[name] ?? "nothing", now[name] ?? "nothing"];
    throw new UserError(`${folder} was trained with ${name} ${then}, ${file} says ${here}: ${MAY_BE_SEEN}`);
  }
}

/** What a configuration says of the split, by its keys, as JSON; the rows of its SQL count as data. */
function splitOf({ split, data }: PoeemConfig): Record<string, string | undefined> {
  const { by, columns, testModulus, share, column } = split;
  const given = (sql: string | undefined) => (sql === undefined ? undefined : "given");
  const said = {
    "split.by": by,
    "split.columns": columns,
    "split.testModulus": testModulus,
    "split.share": share,
    "split.column": column,
    "data.test": given(data.test),
    "data.validation": given(data.validation),
    "data.history": given(data.history),
  };
  return Object.fromEntries(Object.entries(said).map(([key, value]) => [key, JSON.stringify(value)]));
}

/**
 * The split that the configuration makes here against the one that was trained with: other versions of the trainer have
 * other rules of what is one query.
 */
function checkHeldOut(
  index: Index,
  raw: RawData,
  config: PoeemConfig,
  { heldOutHash }: Dataset,
  { index: folder }: EvaluateIndexOptions,
): void {
  const trained = (index.manifest.training as TrainingFacts)?.heldOutHash;
  // before there was the hash, queries were held out as they are spelled
  const { query } = raw.events;
  const hashed = config.split.columns ?? [config.events.query];
  const differs =
    trained === undefined
      ? config.split.by === "hash" &&
        hashed.includes(config.events.query) &&
        query?.values.some((text) => normalForm(text) !== text)
      : trained !== heldOutHash;
  if (!differs) return;
  throw new UserError(`${folder} was trained by a version of poeem that holds out other queries: ${MAY_BE_SEEN}`);
}

function checkData(index: Index, raw: RawData, { index: folder, config: file }: EvaluateIndexOptions): void {
  const trained = (index.manifest.training as TrainingFacts)?.dataHash;
  if (trained === raw.hash) return;
  throw new UserError(
    `${folder} was trained on other data (hash ${trained?.slice(0, 12)}) ` +
      `than ${file} names (${raw.hash.slice(0, 12)}): ${MAY_BE_SEEN}`,
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
