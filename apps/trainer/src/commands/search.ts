import { UserError } from "@poeem/offline/errors";
import { readVectors } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { printable } from "@poeem/offline/printable";
import {
  countProbed,
  formatList,
  type Index,
  InputError,
  type ItemFields,
  type ItemId,
  jsonId,
  parseFilter,
  type SearchOptions,
} from "@poeem/pq-core";
import { type Mode, openWords } from "@poeem/pq-core/words";
import { answerQuestion, openQueryTower, type QueryTower, type Question } from "@poeem/towers";
import { type GivenIds, readIdAt, readIds } from "@poeem/training/encode/read-ids";
import { notInIndex } from "../print.ts";
import { sayOwnSpace } from "./own-space.ts";
import { readEmbeddings } from "./read-embeddings.ts";

export interface SearchCommandOptions {
  index: string;
  delta?: string;
  query?: string;
  history?: GivenIds;
  /** Id of an item, as it stands. */
  like?: string;
  context?: Record<string, string>;
  /** Vectors: numbers or a file of them, each behind the name of its column where there are several. */
  embedding?: readonly string[];
  vectors?: string;
  heads: number;
  /** Queries that `vectors` must hold; Infinity for as many as there are. */
  queries: number;
  k: number;
  nprobe?: number | "all";
  mode?: Mode;
  filter?: string;
  /** Ids that must not come back, beside those of the history. */
  exclude?: GivenIds;
  json?: boolean;
}

/** What is searched for, whatever the query. */
type Asked = Pick<SearchOptions, "k" | "nprobe" | "filter" | "exclude">;

/**
 * `poeem search`: the Worker's answer without a Worker, for a text, a history, an item, a context, an embedding, or a
 * file of query vectors.
 */
export async function search(options: SearchCommandOptions): Promise<void> {
  const index = await openIndexDirectory(options.index, options.delta);
  const { query: text, context, vectors } = options;
  const asks = [text, options.history, options.like, context, options.embedding].some((part) => part !== undefined);
  if (asks === (vectors !== undefined)) {
    throw new UserError("expected either --query or --vectors, or --history, --like, --context or --embedding");
  }
  // as the Worker has it: beside a history a text of nothing would go unnoticed
  if (text?.trim() === "") throw new InputError("text", "expected some text, got none");
  const most = countProbed(index.manifest);
  if (options.nprobe !== undefined && options.nprobe !== "all" && options.nprobe > most) {
    const unit = index.manifest.cellsPerPage === undefined ? "cells" : "runs of cells";
    throw new UserError(`--nprobe: expected 1 to ${most}, the ${unit} of this index, got ${options.nprobe}`);
  }
  if (vectors !== undefined && options.mode !== undefined && options.mode !== "dense")
    throw new UserError(`--mode: expected dense with --vectors, which have no words, got ${options.mode}`);
  const asked: Asked = {
    k: options.k,
    nprobe: options.nprobe,
    filter: options.filter === undefined ? undefined : parseFilter(options.filter),
    exclude: options.exclude && (await readExcluded(index, options.exclude)),
  };
  if (vectors !== undefined) return answerVectors(index, vectors, asked, options);
  const history = options.history && (await readIds(index, "history", options.history));
  const embedding = options.embedding && (await readEmbeddings(options.embedding));
  const like = options.like === undefined ? undefined : readIdAt(options.like, index, "like");
  const others = { ...(history && { history }), ...(like !== undefined && { like }), ...(embedding && { embedding }) };
  await answer(index, { text, context, ...others }, asked, options);
}

/** Ids that no item has leave nothing out; a line says so. */
async function readExcluded(index: Index, given: GivenIds): Promise<ItemId[]> {
  const ids = [...new Set(await readIds(index, "exclude", given))];
  const ordinals = await index.ordinals(ids);
  process.stderr.write(
    notInIndex(
      "leave out",
      ids.filter((_, i) => ordinals[i]! < 0),
    ),
  );
  return ids;
}

async function answer(
  index: Index,
  question: Question<ItemId>,
  asked: Asked,
  { filter, mode, json }: SearchCommandOptions,
): Promise<void> {
  const bytes = await index.queryTower();
  const tower = bytes && openQueryTower(bytes);
  const searched = { index, tower, words: await openWords(index) };
  const answered = await answerQuestion(searched, question, { ...asked, mode });
  if (answered === undefined) {
    const isText = question.text !== undefined && question.history === undefined;
    const what = isText ? `no word of ${JSON.stringify(question.text)}` : "nothing of this query";
    throw new UserError(`${what} is known to this index`);
  }
  if (question.text !== undefined && question.embedding === undefined && mode !== "words") tellUnread(tower);
  const items = await index.items(answered.ordinals);
  const results = items.map(({ id, fields }, i): Result => {
    const confidence = answered.confidence[i]!;
    return {
      id: jsonId(id),
      score: answered.scores[i]!,
      confidence: Number.isNaN(confidence) ? null : confidence,
      matched: answered.matched[i]!,
      fields,
    };
  });
  if (json) {
    const { listsProbed, codesScanned } = answered;
    const { text: query, context } = question;
    const like = question.like === undefined ? undefined : jsonId(question.like);
    const asked = { query, history: question.history?.map(String), like, context, mode: answered.mode };
    const facts = { ...asked, indexVersion: index.version, listsProbed, codesScanned, results };
    process.stdout.write(`${JSON.stringify(facts)}\n`);
    return;
  }
  if (results.length === 0) sayNone(filter);
  else process.stdout.write(formatResults(results));
}

/** A text without its embedding finds less than it could, which a line says. */
function tellUnread(tower: QueryTower | undefined): void {
  const columns = tower?.reads.embeddings ?? [];
  if (columns.length === 0) return;
  const read = columns.map(
    ({ name, encoder, length }) => `${name}, ${length} numbers${encoder === undefined ? "" : ` of ${encoder}`}`,
  );
  process.stderr.write(`asked without --embedding, which the model reads too (${printable(read.join("; "))})\n`);
}

interface Result {
  readonly id: string | number;
  readonly score: number;
  /** 0 to 1; null where the index cannot say. */
  readonly confidence: number | null;
  /** Terms of the query that the item has, the most telling first. */
  readonly matched: readonly string[];
  readonly fields: ItemFields | undefined;
}

/** A line for each result: score, confidence if known, id, title, and in brackets the words it was found by. */
function formatResults(results: readonly Result[]): string {
  const lines = results.map(({ id, score, confidence, matched, fields }) => ({
    score: score.toFixed(4).padStart(8),
    sure: confidence === null ? "" : `${(100 * confidence).toFixed(0)} %`.padStart(7),
    id: printable(String(id)),
    title: printable(String(fields?.["title"] ?? "")),
    matched: matched.length > 0 ? `  [${printable(matched.join(", "))}]` : "",
  }));
  const width = Math.min(32, Math.max(...lines.map(({ id }) => id.length)));
  return lines
    .map(({ score, sure, id, title, matched }) => `${score}${sure}  ${id.padEnd(width)}  ${title}${matched}\n`)
    .join("");
}

/** A file does not say its dim: the count has to fit, so that vectors of another dim are not read as more of them. */
function checkCount(file: string, floats: number, dim: number, { heads, queries }: SearchCommandOptions): void {
  const perQuery = heads * dim;
  const isWhole = floats % perQuery === 0;
  if (isWhole && (queries === Infinity || floats === queries * perQuery)) return;
  const one = `${heads} vector${heads > 1 ? "s" : ""} of dim ${dim}, that of the index`;
  const expected =
    queries === Infinity
      ? `a multiple of ${perQuery} floats (${one}, per query)`
      : `${queries * perQuery} floats (${queries === 1 ? one : `${queries} queries of ${one}`})`;
  const hint = isWhole ? `; for ${floats / perQuery} queries say --queries ${floats / perQuery}` : "";
  throw new UserError(`${file}: expected ${expected}, got ${floats}${hint}`);
}

/** Every `heads` vectors of the file are one query; an item's score is its best over them. */
async function answerVectors(index: Index, file: string, asked: Asked, options: SearchCommandOptions): Promise<void> {
  const { dim } = index.manifest;
  const { heads, k } = options;
  await sayOwnSpace(index, "--vectors", "--embedding asks by");
  const vectors = await readVectors(file, dim);
  const count = vectors.length / dim;
  checkCount(file, vectors.length, dim, options);
  const queries: { ids: (string | number)[]; scores: number[]; listsProbed: number; codesScanned: number }[] = [];
  for (let first = 0; first < count; first += heads) {
    const rows = Array.from({ length: heads }, (_, head) =>
      vectors.subarray((first + head) * dim, (first + head + 1) * dim),
    );
    const { ordinals, scores, listsProbed, codesScanned } = await index.search(rows, asked);
    const ids = (await index.items(ordinals)).map(({ id }) => jsonId(id));
    queries.push({ ids, scores: Array.from(scores), listsProbed, codesScanned });
  }
  if (!options.json && queries.every(({ ids }) => ids.length === 0)) sayNone(options.filter);
  if (options.json) process.stdout.write(`${JSON.stringify({ indexVersion: index.version, k, heads, queries })}\n`);
  else for (const { ids } of queries) process.stdout.write(`${printable(formatList(ids.map(String)))}\n`);
}

function sayNone(filter: string | undefined): void {
  process.stderr.write(filter === undefined ? "no item found\n" : `no item found that passes --filter ${filter}\n`);
}
