import { existsSync, realpathSync, statSync } from "node:fs";
import { UserError } from "@poeem/offline/errors";
import type { Index } from "@poeem/pq-core";
import { z } from "zod";
import { type Database, literal } from "../data/duckdb.ts";
import { escapePattern, exactName, isPattern, isRemote } from "../data/file-names.ts";
import { codebookHash, SHARD_FORMAT, SHARD_KEY, type ShardFacts } from "./schema.ts";
import { MOST_SHARDS } from "./share.ts";
import { shardFile } from "./target.ts";

/** A shard, and what it says of itself. */
export interface ShardFile {
  readonly file: string;
  readonly facts: ShardFacts;
  /** Changes when the rows do, as far as the sizes and the ranges of all columns tell. */
  readonly rowsHash: string;
}

/** Rows of shards as SQL has them, and names of folders are no columns. */
export function shardRowsSql(shards: readonly Pick<ShardFile, "file">[], more = ""): string {
  const files = shards.map(({ file }) => literal(exactName(file))).join(", ");
  return `read_parquet([${files}], hive_partitioning = false, union_by_name = false${more})`;
}

/**
 * The shards of a catalogue, in their order: all parts of one whole, each once, encoded by this index.
 *
 * @param names files, folders, patterns and addresses
 * @throws UserError naming the shard that is missing, is there twice, is of another index or is none
 */
export async function openShards(
  database: Database,
  names: readonly string[],
  { codebook: own, manifest }: Pick<Index, "codebook" | "manifest">,
): Promise<readonly ShardFile[]> {
  const files = await listShards(database, names);
  const shards: ShardFile[] = [];
  for (const file of files)
    shards.push({ file, facts: await factsOf(database, file), rowsHash: await rowsHashOf(database, file) });
  const [first] = shards;
  if (first === undefined) throw new UserError(`--shards ${names.join(" ")}: no shard is there`);
  const codebook = codebookHash(own);
  for (const { file, facts } of shards) {
    if (facts.codebook !== codebook)
      throw new UserError(
        `shard ${file}: expected codes of index ${manifest.version}, got those of index ${facts.index}, ` +
          "which has another codebook",
      );
    if (facts.index !== first.facts.index)
      throw new UserError(
        `shard ${file} was encoded by index ${facts.index}, but ${first.file} by index ${first.facts.index}`,
      );
    if (facts.of !== first.facts.of)
      throw new UserError(`shard ${file} is one of ${facts.of}, but ${first.file} is one of ${first.facts.of}`);
    for (const columns of ["facets", "numbers"] as const)
      if (facts[columns].join("\t") !== first.facts[columns].join("\t"))
        throw new UserError(
          `shard ${file}: expected the ${columns} of ${first.file} (${first.facts[columns].join(", ") || "none"}), ` +
            `got ${facts[columns].join(", ") || "none"}`,
        );
  }
  const byNumber = new Map<number, ShardFile>();
  for (const shard of shards) {
    const { shard: number, of } = shard.facts;
    const other = byNumber.get(number);
    if (other !== undefined)
      throw new UserError(`shards ${other.file} and ${shard.file} are both part ${number} of ${of}`);
    byNumber.set(number, shard);
  }
  const { of } = first.facts;
  const missing = Array.from({ length: of }, (_, number) => number).filter((number) => !byNumber.has(number));
  if (missing.length > 0) {
    const some = missing.slice(0, 3).map((index) => shardFile("", { index, of }));
    const more = missing.length > 3 ? ` and ${missing.length - 3} more` : "";
    throw new UserError(`--shards: missing ${some.join(", ")}${more}, of ${of}`);
  }
  return [...byNumber].sort(([a], [b]) => a - b).map(([, shard]) => shard);
}

async function listShards(database: Database, names: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const name of names) {
    const isThere = !isRemote(name) && existsSync(name);
    const isFolder = isThere ? statSync(name).isDirectory() : !isPattern(name) && !/\.parquet$/i.test(name);
    if (!isThere && !isRemote(name) && !isPattern(name)) throw new UserError(`--shards ${name}: not found`);
    if (!isFolder && !isPattern(name)) {
      files.add(name);
      continue;
    }
    const folder = name.replace(/\/+$/, "");
    const pattern = isFolder ? `${isRemote(name) ? folder : escapePattern(folder)}/*.parquet` : name;
    for (const { file } of await database.ask(`--shards ${name}`, `SELECT file FROM glob(${literal(pattern)})`))
      files.add(file as string);
  }
  // one file may be named in two ways
  const byPlace = new Map([...files].sort().map((file) => [isRemote(file) ? file : realpathSync(file), file] as const));
  return [...byPlace.values()];
}

const FACTS = z.object({
  format: z.number(),
  codebook: z.string(),
  index: z.string(),
  shard: z.int().min(0),
  of: z.int().min(1).max(MOST_SHARDS),
  rows: z.int().min(0),
  facets: z.array(z.string()),
  numbers: z.array(z.string()),
});

async function factsOf(database: Database, file: string): Promise<ShardFacts> {
  const [row] = await database.ask(
    `shard ${file}`,
    `SELECT decode(value) AS facts FROM parquet_kv_metadata(${literal(exactName(file))})
     WHERE decode(key) = ${literal(SHARD_KEY)}`,
  );
  if (row === undefined)
    throw new UserError(`shard ${file}: expected a file that \`poeem encode-shard\` wrote, got another Parquet file`);
  const facts = FACTS.safeParse(parsed(row["facts"] as string)).data;
  if (facts === undefined || facts.shard >= facts.of)
    throw new UserError(`shard ${file}: what it says of itself under ${SHARD_KEY} cannot be read`);
  if (facts.format !== SHARD_FORMAT)
    throw new UserError(`shard ${file}: expected format ${SHARD_FORMAT}, got ${facts.format}; update @poeem/trainer`);
  return facts as ShardFacts;
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

async function rowsHashOf(database: Database, file: string): Promise<string> {
  const [row] = await database.ask(
    `shard ${file}`,
    `SELECT md5(list(m ORDER BY row_group_id, column_id)::VARCHAR) AS hash
     FROM parquet_metadata(${literal(exactName(file))}) AS m`,
  );
  const { size = 0, mtimeMs = 0 } = isRemote(file) ? {} : statSync(file);
  return `${row?.["hash"]} ${size} ${mtimeMs}`;
}
