import type { Index, SearchResult } from "@poeem/pq-core";
import { openQueryTower } from "@poeem/query-tower";
import { openIndexDirectory } from "../artifact/open.ts";
import { UserError } from "../errors.ts";
import { readVectors } from "../files.ts";

export interface SearchCommandOptions {
  index: string;
  delta?: string;
  query?: string;
  vectors?: string;
  heads: number;
  k: number;
  nprobe?: number;
  json?: boolean;
}

/** `poeem search`: the Worker's answer without a Worker, for one text or for a file of query vectors. */
export async function search(options: SearchCommandOptions): Promise<void> {
  const index = await openIndexDirectory(options.index, options.delta);
  if ((options.query === undefined) === (options.vectors === undefined)) {
    throw new UserError("expected either --query or --vectors");
  }
  const cells = Math.max(1, index.manifest.nlist);
  if (options.nprobe !== undefined && options.nprobe > cells) {
    throw new UserError(`--nprobe: expected 1 to ${cells}, the cells of this index, got ${options.nprobe}`);
  }
  if (options.vectors !== undefined) await searchVectors(index, options.vectors, options);
  else await searchText(index, options.query!, options);
}

async function searchText(index: Index, query: string, options: SearchCommandOptions): Promise<void> {
  const tower = await index.queryTower();
  if (!tower) throw new UserError(`index ${options.index} has no query tower: it cannot answer text queries`);
  const vector = openQueryTower(tower).embedText(query);
  if (vector.every((value) => value === 0)) {
    throw new UserError(`no word of ${JSON.stringify(query)} is known to this index`);
  }
  const found = await index.search(vector, { k: options.k, nprobe: options.nprobe });
  const items = await index.items(found.ordinals);
  const results = items.map(({ id, fields }, i) => ({ id: jsonId(id), score: found.scores[i]!, fields }));
  if (options.json) {
    const { listsProbed, codesScanned } = found;
    process.stdout.write(
      `${JSON.stringify({ query, indexVersion: index.version, listsProbed, codesScanned, results })}\n`,
    );
    return;
  }
  for (const { id, score, fields } of results) {
    process.stdout.write(`${score.toFixed(4)}  ${String(id).padEnd(32)}  ${String(fields?.["title"] ?? "")}\n`);
  }
}

/** Every `heads` vectors of the file are one query; an item's score is its best over them. */
async function searchVectors(index: Index, file: string, options: SearchCommandOptions): Promise<void> {
  const { dim } = index.manifest;
  const { heads, k, nprobe } = options;
  const vectors = await readVectors(file, dim);
  const count = vectors.length / dim;
  if (count % heads !== 0) {
    throw new UserError(`${file}: expected a multiple of --heads ${heads} vectors, got ${count}`);
  }
  const queries: { ids: (string | number)[]; scores: number[]; listsProbed: number; codesScanned: number }[] = [];
  for (let first = 0; first < count; first += heads) {
    const rows = Array.from({ length: heads }, (_, head) =>
      vectors.subarray((first + head) * dim, (first + head + 1) * dim),
    );
    const found: SearchResult = await index.search(rows, { k, nprobe });
    const { listsProbed, codesScanned } = found;
    const ids = (await index.items(found.ordinals)).map(({ id }) => jsonId(id));
    queries.push({ ids, scores: Array.from(found.scores), listsProbed, codesScanned });
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ indexVersion: index.version, k, heads, queries })}\n`);
  else for (const { ids } of queries) process.stdout.write(`${ids.join(" ")}\n`);
}

/** JSON has no 64-bit integers: those ids are text, as in the Worker's answers. */
function jsonId(id: string | number | bigint): string | number {
  return typeof id === "bigint" ? String(id) : id;
}
