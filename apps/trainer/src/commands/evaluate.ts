import { join } from "node:path";
import { normalizeText, openQueryTower } from "@poeem/query-tower";
import { openIndexDirectory } from "../artifact/open.ts";
import { type BackendName, useBackend } from "../backend.ts";
import { loadConfig, type PoeemConfig } from "../config.ts";
import { listOf, toCsr } from "../data/csr.ts";
import { buildDataset, type Dataset, type QuerySet, textsFromColumns, textsFromEvents } from "../data/dataset.ts";
import { loadData, type RawData } from "../data/load.ts";
import { UserError } from "../errors.ts";
import { buildLexicalIndex } from "../evaluate/bm25.ts";
import { rankWithIndex } from "../evaluate/index-rank.ts";
import { overlapAtK, type RankingMetrics, rankingMetrics } from "../evaluate/metrics.ts";
import { rankExhaustively } from "../evaluate/rank.ts";
import { readVectors } from "../files.ts";
import { createProgress, formatCount } from "../progress.ts";
import { ITEM_VECTORS_FILE } from "./train.ts";

export interface EvaluateOptions {
  config: string;
  index: string;
  queries?: number;
  backend: BackendName;
  json?: boolean;
}

/** One line of the table: a way to rank, its quality, what it keeps per item and how much of it a query reads. */
export interface EvaluationRow extends RankingMetrics {
  /** recall@10 over the queries that are not, word for word, the text of an item: those are known to every ranking. */
  readonly recallAt10Unnamed: number;
  readonly name: string;
  readonly bytesPerItem: number | null;
  readonly nprobe: number | null;
  /** Mean share of the items whose codes were scanned. */
  readonly scanned: number;
  /** Share of dense brute force's top 10 that is in this top 10. */
  readonly overlapAt10: number | null;
}

const K = 100;

/** `poeem evaluate`: full ranking of held-out queries by dense brute force, by the index at several nprobe, and by BM25. */
export async function evaluate(options: EvaluateOptions): Promise<void> {
  const { config, directory } = await loadConfig(options.config);
  const index = await openIndexDirectory(options.index);
  const trained = index.manifest.training as { dataHash?: string; config?: PoeemConfig } | undefined;
  if (trained?.config?.split.testModulus !== config.split.testModulus) {
    throw new UserError(
      `${options.index} was trained with split.testModulus ${trained?.config?.split.testModulus}, ${options.config} says ${config.split.testModulus}: held-out queries may have been trained on`,
    );
  }
  const raw = await loadData(config, directory);
  if (trained?.dataHash !== raw.hash) {
    throw new UserError(
      `${options.index} was trained on other data (hash ${trained?.dataHash?.slice(0, 12)}) than ${options.config} names (${raw.hash.slice(0, 12)}): held-out queries may have been trained on`,
    );
  }
  await useBackend(options.backend);
  const dataset = buildDataset(raw, config);
  const { dim } = index.manifest;
  const itemVectors = await readVectors(join(options.index, ITEM_VECTORS_FILE), dim);
  if (itemVectors.length !== dataset.ids.length * dim) {
    throw new UserError(
      `${join(options.index, ITEM_VECTORS_FILE)}: expected ${dataset.ids.length} vectors, got ${itemVectors.length / dim}`,
    );
  }
  const test = sampleQueries(dataset.test, options.queries);
  if (test.count === 0) throw new UserError("nothing to evaluate: split.testModulus holds out no query");

  const towerBytes = await index.queryTower();
  if (!towerBytes) throw new UserError(`index ${options.index} has no query tower`);
  const tower = openQueryTower(towerBytes);
  const vectors = new Float32Array(test.count * dim);
  test.texts.forEach((query, i) => {
    vectors.set(tower.embedText(query), i * dim);
  });

  const names = new Set(textsFromColumns(raw, config.items.text).map(normalizeText));
  const unnamed = test.texts.map((_, i) => i).filter((i) => !names.has(normalizeText(test.texts[i]!)));
  const unnamedRelevant = toCsr(unnamed.map((i) => listOf(test.relevant, i)));
  const measure = (ranked: readonly Uint32Array[]): RankingMetrics & Pick<EvaluationRow, "recallAt10Unnamed"> => ({
    ...rankingMetrics(ranked, test.relevant),
    recallAt10Unnamed: rankingMetrics(
      unnamed.map((i) => ranked[i]!),
      unnamedRelevant,
    ).recallAt10,
  });

  const rows: EvaluationRow[] = [];
  const dense = rowsOf(await rankExhaustively(vectors, itemVectors, dim, K), K, test.count);
  rows.push({
    name: "dense brute force",
    bytesPerItem: dim * 4,
    nprobe: null,
    scanned: 1,
    overlapAt10: null,
    ...measure(dense),
  });

  const { nlist, numSubQuantizers, nbits, defaultNprobe } = index.manifest;
  const bytesPerItem = (numSubQuantizers * nbits) / 8;
  const probes = [
    ...new Set([1, 2, 4, 8, 16, 32, 64, 128, defaultNprobe, nlist].filter((p) => p >= 1 && p <= Math.max(1, nlist))),
  ].sort((a, b) => a - b);
  const progress = createProgress("evaluate", probes.length * test.count, "queries");
  for (const [i, nprobe] of probes.entries()) {
    const { ranked, scanned } = await rankWithIndex(index, vectors, dataset.ids, K, nprobe, (done) =>
      progress.update(i * test.count + done, `nprobe ${nprobe}`),
    );
    rows.push({
      name: nprobe === defaultNprobe ? "index (default nprobe)" : "index",
      bytesPerItem,
      nprobe,
      scanned,
      overlapAt10: overlapAtK(ranked, dense, 10),
      ...measure(ranked),
    });
  }
  progress.stop();
  const lexical = buildLexicalIndex(lexicalTexts(raw, config, dataset));
  const lexicalRanked = test.texts.map((query) => lexical.search(query, K));
  rows.push({
    name: "BM25 (MiniSearch)",
    bytesPerItem: null,
    nprobe: null,
    scanned: 1,
    overlapAt10: overlapAtK(lexicalRanked, dense, 10),
    ...measure(lexicalRanked),
  });

  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ index: options.index, version: index.version, items: dataset.ids.length, queries: test.count, unnamedQueries: unnamed.length, rows })}\n`,
    );
  } else print(rows, test, dataset.ids.length);
}

/** What the item tower reads of each item: its text columns and, if configured, its training queries. */
function lexicalTexts(raw: RawData, config: PoeemConfig, dataset: Dataset): string[] {
  const columns = textsFromColumns(raw, config.items.text);
  if (!config.items.textFromEvents) return columns;
  return textsFromEvents(raw.ids.length, dataset.train).map((text, item) => `${columns[item]}\n${text}`);
}

/** At most `limit` held-out queries, spread evenly over all. */
function sampleQueries(test: QuerySet, limit = test.count): QuerySet {
  const stride = Math.max(1, Math.ceil(test.count / limit));
  const kept = Array.from({ length: test.count }, (_, i) => i).filter((i) => i % stride === 0);
  const some = (lists: QuerySet["relevant"]): QuerySet["relevant"] => toCsr(kept.map((i) => listOf(lists, i)));
  return {
    count: kept.length,
    texts: test.texts.length > 0 ? kept.map((i) => test.texts[i]!) : [],
    users: test.users.length > 0 ? kept.map((i) => test.users[i]!) : [],
    histories: some(test.histories),
    contexts: some(test.contexts),
    relevant: some(test.relevant),
  };
}

function rowsOf(ranked: Uint32Array, k: number, n: number): Uint32Array[] {
  const width = Math.min(k, ranked.length / n);
  return Array.from({ length: n }, (_, i) => ranked.subarray(i * width, (i + 1) * width));
}

function print(rows: readonly EvaluationRow[], test: QuerySet, items: number): void {
  const percent = (x: number): string => `${(100 * x).toFixed(1)}%`;
  process.stdout.write(
    `${formatCount(test.count)} held-out queries, full ranking of ${formatCount(items)} items; unnamed: recall@10 over those that are not an item's text, word for word\n\n`,
  );
  process.stdout.write(
    "| ranking | bytes an item | nprobe | scanned | recall@10 | unnamed | recall@100 | capped recall@10 | hit@10 | overlap@10 |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
  );
  for (const row of rows) {
    const cells = [
      row.name,
      row.bytesPerItem ?? "–",
      row.nprobe ?? "–",
      percent(row.scanned),
      row.recallAt10.toFixed(4),
      row.recallAt10Unnamed.toFixed(4),
      row.recallAt100.toFixed(4),
      row.cappedRecallAt10.toFixed(4),
      row.hitAt10.toFixed(4),
      row.overlapAt10?.toFixed(3) ?? "–",
    ];
    process.stdout.write(`| ${cells.join(" | ")} |\n`);
  }
}
