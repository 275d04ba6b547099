import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { readBytes } from "@poeem/offline/files";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { MANIFEST } from "@poeem/offline/index-folder/own-files";
import { checkIndexTarget, isAlive, writeIndexFolder } from "@poeem/offline/index-folder/write";
import { counted, formatCount, type ProgressStarter, silentProgress, withProgress } from "@poeem/offline/progress";
import {
  type Artifact,
  type ArtifactInput,
  type Codebook,
  chunkTotals,
  type Index,
  type ItemFields,
  type Manifest,
} from "@poeem/pq-core";
import type { ItemWords } from "@poeem/pq-core/words";
import { decodedSquares, layoutFor, type TermRange, writeArtifact, writePagedArtifact } from "@poeem/pq-core/write";
import { ITEM_TOWER_FILE } from "../artifact/item-tower-file.ts";
import { MEMORY_SIZE } from "../config/data.ts";
import { Database } from "../data/duckdb.ts";
import { BadRowsError } from "./bad-rows.ts";
import { readSetup } from "./encode-shard.ts";
import type { ShardShape } from "./schema.ts";
import { openShards, type ShardFile, shardRowsSql } from "./shard-files.ts";
import { shardWords } from "./shard-words.ts";
import { joinSlices, SortedRows, type SortedSlice } from "./sorted-rows.ts";

export interface AssembleOptions {
  /** Index folder by which the shards were encoded. */
  readonly index: string;
  /** Files, folders, patterns and addresses. */
  readonly shards: readonly string[];
  /** Index folder to write. */
  readonly out: string;
  /** Goes on where an earlier run of the same shards was stopped. */
  readonly resume?: boolean | undefined;
  readonly setup?: string | undefined;
  /** Cells whose items share their pages, 0 for none; default: by the size of the lists. */
  readonly cellsPerPage?: number | undefined;
  /** For DuckDB; default 768MB. */
  readonly memoryLimit?: string | undefined;
  readonly say?: (line: string) => void;
  readonly startProgress?: ProgressStarter;
}

export interface AssembledIndex {
  readonly out: string;
  readonly version: string;
  readonly items: number;
  readonly shards: number;
  readonly bytes: number;
  readonly chunks: number;
  readonly seconds: number;
}

/** Rows that are taken at a time where all are. */
const SLICE = 8192;
/** Postings beyond which words are left out: they would take a gigabyte here, and no isolate could keep them. */
const MOST_POSTINGS = 50_000_000;

/**
 * Puts shards together into an index folder: the bytes that one process writes of the same items, whatever the number
 * and the order of the shards. Sorts out of core and writes pages as a stream, so that memory does not grow with the
 * catalogue.
 *
 * @throws UserError for shards of another index, that are missing or come twice, and for items that come twice
 */
export async function assemble(options: AssembleOptions): Promise<AssembledIndex> {
  const started = performance.now();
  const { out, memoryLimit = "768MB", say = () => undefined } = options;
  if (!MEMORY_SIZE.test(memoryLimit)) throw new UserError(`--memory-limit ${memoryLimit}: expected a size such as 2GB`);
  if (resolve(out) === resolve(options.index))
    throw new UserError(`--out ${out}: expected another folder than that of the index, which it is made by`);
  await checkIndexTarget(out);
  const index = await openIndexDirectory(options.index);
  const { manifest } = index;
  if (manifest.delta !== undefined)
    throw new UserError(`index ${options.index}: expected one without changes; compact it first`);
  const setup = await readSetup(options.setup);
  const work = workFolder(out);
  const isResumed = await prepareWork(work, options, say);
  const database = await Database.open([process.cwd()], memoryLimit, setup, work);
  // What was sorted is worth keeping, unless the shards are at fault.
  let isWorthKeeping = isResumed;
  try {
    const shards = await openShards(database, options.shards, index);
    await checkSameShards(work, manifest, shards);
    const rows = shards.reduce((sum, { facts }) => sum + facts.rows, 0);
    say(
      `${counted(rows, "item")} in ${counted(shards.length, "shard")}${rows === 0 ? ": the index will be empty" : ""}`,
    );
    const sorted = await sort(database, index, shards, isResumed, options);
    isWorthKeeping = true;
    const written = await write(sorted, index, options);
    isWorthKeeping = false;
    const facts = { out, version: written.version, items: written.manifest.numItems, shards: shards.length };
    const totals = [...chunkTotals(written.manifest).values()];
    return {
      ...facts,
      bytes: totals.reduce((sum, { bytes }) => sum + bytes, written.manifestBytes.length),
      chunks: totals.reduce((sum, { count }) => sum + count, 0),
      seconds: (performance.now() - started) / 1000,
    };
  } catch (error) {
    if (error instanceof BadRowsError) isWorthKeeping = false;
    throw error;
  } finally {
    database.close();
    if (!isWorthKeeping) await rm(work, { recursive: true, force: true });
  }
}

/** All rows in list order, on disk. */
async function sort(
  database: Database,
  { codebook, manifest }: Index,
  shards: readonly ShardFile[],
  isResumed: boolean,
  { startProgress = silentProgress }: AssembleOptions,
): Promise<SortedRows> {
  const [{ facts }] = shards as [ShardFile];
  const shape: ShardShape = {
    ...{ idType: manifest.idType, hasFields: manifest.hasFields, hasWords: manifest.words !== undefined },
    ...{ hasTerms: await hasColumn(database, shards, "term"), facets: facts.facets, numbers: facts.numbers },
  };
  const sorted = new SortedRows(database, shards, shape, codebook);
  await withProgress(startProgress("sort", 1, "table"), () => sorted.sort(isResumed));
  return sorted;
}

async function write(
  sorted: SortedRows,
  index: Index,
  { out, index: from, cellsPerPage, say = () => undefined, startProgress = silentProgress }: AssembleOptions,
): Promise<Omit<Artifact, "chunks">> {
  const { codebook, manifest } = index;
  const { shape } = sorted;
  const offsets = await sorted.offsets(Math.max(1, manifest.nlist));
  const numItems = offsets.at(-1)!;
  const hasFilters = manifest.chunks.some(({ kind }) => kind === "filters");
  const words = await wordsOf(sorted, shape, say);
  const { training, queries } = manifest;
  const lookup = await sorted.startLookup();
  const progress = startProgress("write", numItems, "items");
  const read = sorted.rows(lookup.write);
  const rows = async (first: number, count: number): Promise<SortedSlice> => {
    progress.update(first);
    const slice = await read(first, count);
    return hasTermsOf(codebook) ? { ...slice, terms: termsOf(codebook, slice) } : slice;
  };
  const common = {
    ...{ codebook, training, popularQueries: queries },
    ...(words && { words, wordFacts: manifest.words }),
    queryTower: await index.queryTower(),
  };
  const layout = layoutFor({ codebook, cellsPerPage, defaultNprobe: nprobeOf(manifest) }, numItems);
  try {
    return await writeIndexFolder(out, async (put) => {
      const tower = join(from, ITEM_TOWER_FILE);
      const written =
        layout.cellsPerPage === 0
          ? await writeSmall({ ...common, ...layout }, shape, numItems, rows, lookup.read, hasFilters, put)
          : await writePagedArtifact(
              {
                ...common,
                ...layout,
                ...{ idType: shape.idType, hasFields: shape.hasFields, offsets, rows, lookup: lookup.read },
                range: await termRange(sorted, codebook, shape.hasTerms),
                ...(hasFilters && { filters: await sorted.filters() }),
                ...(words && { wordOrder: Uint32Array.from({ length: numItems }, (_, i) => i) }),
              },
              ({ key, bytes }) => put(key, bytes),
            );
      if (existsSync(tower)) await put(ITEM_TOWER_FILE, await readBytes(tower));
      await put(MANIFEST, written.manifestBytes);
      return written;
    });
  } finally {
    progress.stop();
  }
}

async function hasColumn(database: Database, [first]: readonly ShardFile[], name: string): Promise<boolean> {
  const { file } = first!;
  return (await database.describe(`shard ${file}`, `SELECT * FROM ${shardRowsSql([first!])}`)).has(name);
}

/** Lists that stay in memory at the edge are small enough to be written from memory. */
async function writeSmall(
  facts: Pick<ArtifactInput, "codebook" | "training" | "popularQueries" | "wordFacts" | "words" | "queryTower">,
  shape: ShardShape,
  numItems: number,
  rows: (first: number, count: number) => Promise<SortedSlice>,
  lookup: () => AsyncIterable<unknown>,
  hasFilters: boolean,
  put: (name: string, bytes: Uint8Array) => Promise<void>,
): Promise<Artifact> {
  const slices: SortedSlice[] = [];
  for (let first = 0; first < numItems; first += SLICE)
    slices.push(await rows(first, Math.min(SLICE, numItems - first)));
  // refuses an id that comes twice
  const byId = lookup()[Symbol.asyncIterator]();
  while (!(await byId.next()).done);
  const { cells, codes, terms, ids, fields = [], facets, numbers } = joinSlices(slices, shape);
  const artifact = await writeArtifact({
    ...facts,
    ...{ assignments: cells, codes, ids },
    ...(facts.codebook.metric === "l2" ? { terms } : {}),
    ...(shape.hasFields ? { fields: fields.map((json) => JSON.parse(json) as ItemFields) } : {}),
    ...(hasFilters
      ? {
          facets: Object.fromEntries(shape.facets.map((name, f) => [name, Array.from(facets[f]!)])),
          numbers: Object.fromEntries(shape.numbers.map((name, j) => [name, numbers[j]!])),
        }
      : {}),
  });
  for (const { key, bytes } of artifact.chunks) await put(key, bytes);
  return artifact;
}

/** What a codebook's metric needs beside codes, as lists have it. */
function termsOf(
  codebook: Codebook,
  { cells, codes, terms }: Pick<SortedSlice, "cells" | "codes" | "terms">,
): Float32Array {
  if (terms !== undefined) return terms;
  const squares = decodedSquares(codebook, cells, codes);
  return Float32Array.from(codebook.metric === "l2" ? squares : squares.map(Math.sqrt));
}

const hasTermsOf = ({ metric }: Codebook): boolean => metric !== "innerProduct";

/** Smallest and largest term, for which all rows are read once. */
async function termRange(sorted: SortedRows, codebook: Codebook, hasTerms: boolean): Promise<TermRange> {
  if (!hasTermsOf(codebook)) return { min: 0, max: 0 };
  const blocks = sorted.blocks(["cell", "code", ...(hasTerms ? ["term"] : [])]);
  let range: TermRange | undefined;
  for (let run = await blocks.next(); run.count > 0; run = await blocks.next()) {
    const terms = termsOf(codebook, {
      cells: run.numbers("cell", Uint32Array),
      codes: run.bytes("code", codebook.numSubQuantizers),
      terms: hasTerms ? run.numbers("term", Float32Array) : undefined,
    });
    for (const term of terms)
      range = { min: Math.min(range?.min ?? term, term), max: Math.max(range?.max ?? term, term) };
  }
  return range ?? { min: 0, max: 0 };
}

/** The words of all items, in list order; undefined for an index without, and where they are too many. */
async function wordsOf(
  sorted: SortedRows,
  { hasWords }: ShardShape,
  say: (line: string) => void,
): Promise<ItemWords | undefined> {
  if (!hasWords) return undefined;
  const postings = await sorted.countTerms();
  if (postings <= MOST_POSTINGS) return shardWords(sorted);
  say(
    `without words: ${formatCount(postings)} postings are more than ${formatCount(MOST_POSTINGS)}, ` +
      "so this index is searched by codes alone",
  );
  return undefined;
}

/** Cells that a search visits by default, by the configuration: an index whose cells share pages counts runs. */
function nprobeOf({ training, defaultNprobe }: Manifest): number {
  return (training as { config?: { index?: { nprobe?: number } } } | undefined)?.config?.index?.nprobe ?? defaultNprobe;
}

/** Beside the index folder, what an assembly needs until it is done. */
function workFolder(out: string): string {
  const path = resolve(out);
  return join(dirname(path), `.${basename(path)}.assembling`);
}

/**
 * Makes the folder, for this process alone.
 *
 * @returns whether an earlier run left something that this one goes on with
 * @throws UserError where another process is at work there
 */
async function prepareWork(
  work: string,
  { out, resume = false }: AssembleOptions,
  say: (line: string) => void,
): Promise<boolean> {
  const lock = join(work, "process");
  const other = existsSync(lock) ? Number(await readFile(lock, "utf8")) : 0;
  if (other > 0 && isAlive(other)) throw new UserError(`--out ${out}: process ${other} is assembling it already`);
  const isThere = existsSync(work);
  if (isThere && !resume) {
    say(`starting anew; --resume would go on with what was left of --out ${out}`);
    await rm(work, { recursive: true, force: true });
  }
  if (!isThere && resume) say(`nothing was left of --out ${out} to resume: starting from the beginning`);
  await mkdir(work, { recursive: true });
  await rm(lock, { force: true });
  await writeFile(lock, String(process.pid), { flag: "wx" }).catch(() => {
    throw new UserError(`--out ${out}: another process is assembling it already`);
  });
  return isThere && resume;
}

/** What was sorted before must be of the same shards. @throws UserError where it is not */
async function checkSameShards(work: string, { version }: Manifest, shards: readonly ShardFile[]): Promise<void> {
  const file = join(work, "shards.json");
  const now = JSON.stringify({ index: version, shards });
  if (!existsSync(file)) return writeFile(file, now);
  if ((await readFile(file, "utf8")) !== now)
    throw new UserError("--resume: the shards are not those of the run that was stopped; run again without --resume");
}
