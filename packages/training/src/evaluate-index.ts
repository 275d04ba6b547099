import { join } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { readVectors, writeBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { countProbed, type Index, type ItemId } from "@poeem/pq-core";
import { openWords } from "@poeem/pq-core/words";
import { normalForm, openQueryTower } from "@poeem/towers";
import { ITEM_VECTORS_FILE } from "./artifact/export.ts";
import { bytesPerItem } from "./artifact/summary.ts";
import { useBackend } from "./backend/backend.ts";
import type { BackendName } from "./backend/names.ts";
import { isVectorsOnly } from "./config/kinds.ts";
import { loadConfig, type PoeemConfig } from "./config.ts";
import { buildDataset } from "./data/dataset.ts";
import { textsFromColumns } from "./data/item-texts.ts";
import { loadData } from "./data/load.ts";
import { embeddingOf } from "./data/query-vectors.ts";
import { heldOutFacts, nothingHeldOut } from "./data/report.ts";
import type { Dataset, QuerySet, RawData } from "./data/types.ts";
import { baselinesFor } from "./evaluate/baselines.ts";
import { checkData, checkHeldOut, checkSplit } from "./evaluate/check-split.ts";
import { queryEncoders } from "./evaluate/encoder.ts";
import { changedSince, filledCells, measureAll } from "./evaluate/evaluation.ts";
import type { RankingOptions } from "./evaluate/options.ts";
import { EVALUATION_FILE, type EvaluationResult } from "./evaluate/result.ts";
import type { EvaluationRow } from "./evaluate/row.ts";
import type { AskedInWords } from "./evaluate/words-rows.ts";
import { leftOut } from "./rank/left-out.ts";
import { withUsualCutoffs } from "./rank/metrics.ts";
import { questionOf } from "./rank/query-encoder.ts";
import { sampleQueries } from "./rank/sample-queries.ts";
import { evaluateVectors } from "./vectors/evaluate-vectors.ts";

export interface EvaluateIndexOptions extends RankingOptions {
  /** File of the configuration that the index was trained with. */
  readonly config: string;
  /** Redraw the report in the index folder with these figures. */
  readonly report?: boolean | undefined;
  readonly backend: BackendName;
  /** Told which backend it is. */
  readonly say?: ((line: string) => void) | undefined;
}

/**
 * Full ranking of held-out queries by dense brute force, by the index (codes at several nprobe, words, and both), and
 * by baselines.
 * @throws UserError for an index of another split or other data: held-out queries may have been trained on
 * @throws InputError for cut-offs that cannot be used
 */
export async function evaluateIndex(options: EvaluateIndexOptions): Promise<EvaluationResult> {
  const started = performance.now();
  checkOptions(options);
  const { config, directory } = await loadConfig(options.config);
  const index = await openIndexDirectory(options.index);
  const names = { folder: options.index, file: options.config };
  checkSplit(index.manifest, config, names);
  if (isVectorsOnly(config)) {
    const backend = await useBackend(options.backend, options.say);
    const result = await evaluateVectors({ config, directory, index, names, options, backend, started });
    if (options.report) await writeResult(options.index, result);
    return result;
  }
  const raw = await loadData(config, directory, options);
  checkData(index.manifest, raw, config, names);
  const backend = await useBackend(options.backend, options.say);
  const dataset = buildDataset(raw, config);
  checkHeldOut(index.manifest, dataset, names);
  const dense = options.dense === false ? undefined : await readItemVectors(options.index, index, dataset.ids.length);
  const queries = sampleQueries(dataset.test, options.all ? dataset.test.count : options.queries);
  if (queries.count === 0) throw new UserError(`nothing to evaluate: ${nothingHeldOut(config)}`);

  const unnamed = unnamedQueries(queries, raw, config);
  const ids = [...dataset.ids];
  const words = await askedInWords(index, ids, queries, dataset);
  const rows = await measureAll({
    index,
    ids,
    dense,
    ...(await queryEncoders(index, queries, dataset, config.training.seed)),
    relevant: queries.relevant,
    seen: leftOut(queries),
    unnamed,
    words,
    cutoffs: options.cutoffs,
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
    ...(words && { weights: weightsOf(words) }),
    ...(options.cutoffs && { cutoffs: [...new Set(options.cutoffs)].sort((a, b) => a - b) }),
    cells: countProbed(index.manifest),
    emptyCells: countProbed(index.manifest) - filledCells(index),
    ...(await changedSince(index, ids)),
    ...servedRecall(rows, index, words !== undefined),
    backend,
    seconds: (performance.now() - started) / 1000,
    rows,
  };
  if (options.report) await writeResult(options.index, result);
  return result;
}

async function writeResult(folder: string, result: EvaluationResult): Promise<void> {
  await writeBytes(join(folder, EVALUATION_FILE), new TextEncoder().encode(`${JSON.stringify(result)}\n`));
  // loaded when asked for: the charts take half a second to load
  await (await import("./report/write-report.ts")).writeReport(folder);
}

/** The figure of the row that ranks as a search does. */
function servedRecall(
  rows: readonly EvaluationRow[],
  index: Index,
  hasWords: boolean,
): Pick<EvaluationResult, "recallAt10"> {
  const usual = Math.min(index.manifest.defaultNprobe, filledCells(index));
  const row = rows.find(({ kind, nprobe }) => kind === (hasWords ? "hybrid" : "index") && nprobe === usual);
  return row === undefined ? {} : { recallAt10: row.recallAt10 };
}

function weightsOf({ searched }: AskedInWords): NonNullable<EvaluationResult["weights"]> {
  const { dense, words } = searched.words.facts;
  return { dense, words };
}

/** Before any work is done. */
function checkOptions({ cutoffs, dense, afterwards }: EvaluateIndexOptions): void {
  withUsualCutoffs(cutoffs);
  if (dense === false && afterwards !== undefined)
    throw new UserError("--afterwards builds from the vectors that --no-dense leaves out: give one of them");
}

/** What is asked of an index that has words; undefined where it has none or the queries no text. */
async function askedInWords(
  index: Index,
  ids: readonly ItemId[],
  queries: QuerySet,
  dataset: Dataset,
): Promise<AskedInWords | undefined> {
  if (queries.texts.length === 0) return undefined;
  const words = await openWords(index);
  if (words === undefined) return undefined;
  const tower = await index.queryTower();
  return {
    searched: { index, words, tower: tower && openQueryTower(tower) },
    texts: queries.texts,
    question(query, text) {
      const { history, embedding: _, ...others } = questionOf(queries, dataset, query);
      // a text that was spoiled has other vectors than what it was, and nobody has them
      const embedding = embeddingOf(dataset.queryVectors, text);
      const given = { ...(embedding && { embedding }), ...(history && { history: history.map((item) => ids[item]!) }) };
      return { ...others, text, ...given };
    },
  };
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
