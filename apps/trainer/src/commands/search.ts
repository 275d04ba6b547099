import { UserError } from "@poeem/offline/errors";
import { readVectors } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { type Index, InputError, type ItemId, jsonId, parseFilter, type SearchOptions } from "@poeem/pq-core";
import { openQueryTower, type Question, questionVectors } from "@poeem/towers";

export interface SearchCommandOptions {
  index: string;
  delta?: string;
  query?: string;
  history?: string;
  context?: Record<string, string>;
  vectors?: string;
  heads: number;
  k: number;
  nprobe?: number;
  filter?: string;
  json?: boolean;
}

/**
 * `poeem search`: the Worker's answer without a Worker, for a text, a history, a context, or a file of query vectors.
 */
export async function search(options: SearchCommandOptions): Promise<void> {
  const index = await openIndexDirectory(options.index, options.delta);
  const { query: text, context, vectors } = options;
  const history = options.history
    ?.split(",")
    .map((id) => id.trim())
    .filter((id) => id !== "");
  const asks = text !== undefined || history !== undefined || context !== undefined;
  if (asks === (vectors !== undefined)) {
    throw new UserError("expected either --query or --vectors, or --history, or --context");
  }
  const cells = Math.max(1, index.manifest.nlist);
  if (options.nprobe !== undefined && options.nprobe > cells) {
    throw new UserError(`--nprobe: expected 1 to ${cells}, the cells of this index, got ${options.nprobe}`);
  }
  if (vectors !== undefined) return answerVectors(index, vectors, options);
  const ids = history?.map((id) => itemId(id, index.manifest.idType));
  await answer(index, { text, context, ...(ids && { history: ids }) }, options);
}

/** An id as the index has it, from its text. @throws InputError */
function itemId(text: string, idType: Index["manifest"]["idType"]): ItemId {
  if (idType === "string") return text;
  const largest = idType === "u32" ? 0xffff_ffffn : 0xffff_ffff_ffff_ffffn;
  if (!/^\d{1,20}$/.test(text) || BigInt(text) > largest) {
    const expected = `expected integers of 0 to ${largest}, as the ids of this index are`;
    throw new InputError("history", `${expected}, got ${JSON.stringify(text)}`);
  }
  return idType === "u32" ? Number(text) : BigInt(text);
}

async function answer(
  index: Index,
  question: Question<ItemId>,
  { k, nprobe, filter, json }: SearchCommandOptions,
): Promise<void> {
  const tower = await index.queryTower();
  const asked = await questionVectors(index, tower && openQueryTower(tower), question);
  if (asked === undefined) {
    const isText = question.text !== undefined && question.history === undefined;
    const what = isText ? `no word of ${JSON.stringify(question.text)}` : "nothing of this query";
    throw new UserError(`${what} is known to this index`);
  }
  const { vectors, merge, exclude } = asked;
  const found = await index.search(vectors, { k, nprobe, merge, exclude, ...filtered(filter) });
  const items = await index.items(found.ordinals);
  const results = items.map(({ id, fields }, i) => ({ id: jsonId(id), score: found.scores[i]!, fields }));
  if (json) {
    const { listsProbed, codesScanned } = found;
    const { text: query, context } = question;
    const history = question.history?.map(String);
    const facts = { query, history, context, indexVersion: index.version, listsProbed, codesScanned, results };
    process.stdout.write(`${JSON.stringify(facts)}\n`);
    return;
  }
  const width = Math.min(32, Math.max(...results.map(({ id }) => String(id).length)));
  for (const { id, score, fields } of results) {
    process.stdout.write(
      `${score.toFixed(4).padStart(8)}  ${String(id).padEnd(width)}  ${String(fields?.["title"] ?? "")}\n`,
    );
  }
}

/** Every `heads` vectors of the file are one query; an item's score is its best over them. */
async function answerVectors(index: Index, file: string, options: SearchCommandOptions): Promise<void> {
  const { dim } = index.manifest;
  const { heads, k, nprobe } = options;
  const vectors = await readVectors(file, dim);
  const count = vectors.length / dim;
  if (count % heads !== 0) {
    throw new UserError(`${file}: expected a multiple of --heads ${heads} vectors, got ${count}`);
  }
  const asked = { k, nprobe, ...filtered(options.filter) };
  const queries: { ids: (string | number)[]; scores: number[]; listsProbed: number; codesScanned: number }[] = [];
  for (let first = 0; first < count; first += heads) {
    const rows = Array.from({ length: heads }, (_, head) =>
      vectors.subarray((first + head) * dim, (first + head + 1) * dim),
    );
    const { ordinals, scores, listsProbed, codesScanned } = await index.search(rows, asked);
    const ids = (await index.items(ordinals)).map(({ id }) => jsonId(id));
    queries.push({ ids, scores: Array.from(scores), listsProbed, codesScanned });
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ indexVersion: index.version, k, heads, queries })}\n`);
  else for (const { ids } of queries) process.stdout.write(`${ids.join(" ")}\n`);
}

function filtered(expression: string | undefined): Pick<SearchOptions, "filter"> {
  return expression === undefined ? {} : { filter: parseFilter(expression) };
}
