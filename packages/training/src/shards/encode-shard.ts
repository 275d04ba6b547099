import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { UserError } from "@poeem/offline/errors";
import { openIndexDirectory } from "@poeem/offline/index-folder/open";
import { type ProgressStarter, silentProgress, withProgress } from "@poeem/offline/progress";
import type { Index } from "@poeem/pq-core";
import { ITEM_TOWER_FILE } from "../artifact/item-tower-file.ts";
import { MEMORY_SIZE } from "../config/data.ts";
import type { PoeemConfig } from "../config.ts";
import { Database, type Source } from "../data/duckdb.ts";
import { ItemEncoder, refuseUnknown } from "../encode/item-encoder.ts";
import { openSlices } from "../encode/read-items.ts";
import { type ShardSource, shardInput } from "./input.ts";
import { codebookHash, SHARD_FORMAT, type ShardFacts, type ShardShape } from "./schema.ts";
import { shardRows } from "./shard-rows.ts";
import { ShardTable } from "./shard-table.ts";
import { readShare, type ShareOptions } from "./share.ts";
import { prepareTarget, shardFile, writeWhole } from "./target.ts";

export interface EncodeShardOptions extends ShardSource, ShareOptions {
  /** Index folder by which items are encoded. */
  readonly index: string;
  /** A file that ends in .parquet, or a folder. */
  readonly out: string;
  /** SQL that DuckDB runs first, or a file of it that ends in .sql. */
  readonly setup?: string | undefined;
  /** Default: `data.memoryLimit` of the configuration that the index was trained with. */
  readonly memoryLimit?: string | undefined;
  /** Leaves out items of which the tower knows nothing, instead of refusing them. */
  readonly skipUnknown?: boolean | undefined;
  readonly say?: (line: string) => void;
  readonly startProgress?: ProgressStarter;
}

/** What was written. */
export interface EncodedShard {
  readonly out: string;
  readonly shard: number;
  readonly of: number;
  readonly rows: number;
  /** Items of which the tower knows nothing. */
  readonly skipped: number;
  readonly codebook: string;
  readonly seconds: number;
  readonly rowsPerSecond: number;
}

/** Most items in memory at a time, and most numbers of their vectors. */
const SLICE_ITEMS = 1 << 15;
const SLICE_NUMBERS = 1 << 23;

/**
 * Encodes a part of a catalogue by an index, into one Parquet file for `poeem assemble`. The same input gives the same
 * bytes, and memory does not grow with it.
 * @throws UserError for what the options, the data or the disk is to blame for
 */
export async function encodeShard(options: EncodeShardOptions): Promise<EncodedShard> {
  const started = performance.now();
  const { say = () => undefined, startProgress = silentProgress, skipUnknown = false } = options;
  const { memoryLimit } = options;
  if (memoryLimit !== undefined && !MEMORY_SIZE.test(memoryLimit))
    throw new UserError(`--memory-limit ${memoryLimit}: expected a size such as 2GB`);
  const share = readShare(options);
  const file = shardFile(options.out, share);
  const index = await openIndexDirectory(options.index);
  const encoder = await openEncoder(index, options.index);
  const config = encoder.config();
  const { facets, numbers } = config.items;
  const setup = await readSetup(options.setup);
  const database = await Database.open([process.cwd()], memoryLimit ?? config.data.memoryLimit, setup);
  try {
    await prepareTarget(database, file);
    const input = await shardInput(database, options, share, index.manifest.idType);
    say(`shard ${share.index} of ${share.of}: reading ${input.what}`);
    const shape = shapeOf(encoder, config);
    const table = await ShardTable.create(database, shape);
    const { from, where } = input;
    const slices = await openSlices(database, config, from, {
      recorded: encoder.fieldKinds() ?? {},
      mayBeEmpty: true,
      ...(where && { where }),
    });
    const step = sliceOf(encoder);
    const skipped = await withProgress(startProgress("encode", slices.count, "items"), async (tick) => {
      let left = 0;
      for (let first = 0; first < slices.count; first += step) {
        const last = Math.min(slices.count, first + step);
        const read = await slices.read(first, last);
        const encoded = await encoder.encode(from.source, read, config, undefined, first);
        const unknown = encoded.nothingKnown.map((i) => encoded.ids[i]!);
        if (!skipUnknown) refuseUnknown(unknown, config, options.index, "leave them out by --skip-unknown");
        left += unknown.length;
        table.append(shardRows(read, encoded, shape, index.codebook.numSubQuantizers, first));
        await tick(last);
      }
      return left;
    });
    if (shape.idType !== "string") await table.checkIds(from.source);
    const facts: ShardFacts = {
      ...{ format: SHARD_FORMAT, codebook: codebookHash(index.codebook), index: index.manifest.version },
      ...{ shard: share.index, of: share.of, rows: table.rows, facets, numbers },
    };
    await writeWhole(file, (name) => table.write(name, facts));
    const seconds = (performance.now() - started) / 1000;
    const { shard, of, rows, codebook } = facts;
    return { out: file, shard, of, rows, skipped, codebook, seconds, rowsPerSecond: rows / seconds };
  } finally {
    database.close();
  }
}

/** @throws UserError for an index that items cannot be encoded by, or not as those of its other shards */
async function openEncoder(index: Index, directory: string): Promise<ItemEncoder> {
  const { training, hasFields, words } = index.manifest;
  if ((training as { config?: unknown } | undefined)?.config === undefined)
    throw new UserError(`index ${directory}: expected one that \`poeem train\` made, got one without a configuration`);
  const encoder = await ItemEncoder.open(index, directory);
  if (encoder.tower === undefined)
    throw new UserError(`index ${directory}: no item tower in it (${ITEM_TOWER_FILE}); train again`);
  if (hasFields && encoder.fieldKinds() === undefined)
    throw new UserError(
      `index ${directory} is of an earlier release, which did not keep the kinds of its fields; train again`,
    );
  const asked = (training as { words?: { queries?: unknown } }).words?.queries !== undefined;
  if (words && asked && encoder.tower.queries === undefined)
    throw new UserError(
      `index ${directory}: no training queries in ${ITEM_TOWER_FILE}, whose words items have; train again`,
    );
  return encoder;
}

function shapeOf({ index, tower }: ItemEncoder, { items: { facets, numbers } }: PoeemConfig): ShardShape {
  const { idType, hasFields, words } = index.manifest;
  return { idType, hasTerms: tower?.terms !== undefined, hasFields, hasWords: words !== undefined, facets, numbers };
}

/** Items that are read at a time. */
function sliceOf({ index, tower }: ItemEncoder): number {
  const columns = tower?.weights.inputs.flatMap((input) => (input.kind === "embedding" ? input.columns : [])) ?? [];
  const numbers = columns.reduce((sum, { length }) => sum + length, index.manifest.dim);
  return Math.max(1024, Math.min(SLICE_ITEMS, Math.floor(SLICE_NUMBERS / numbers)));
}

/** The SQL of `--setup`. @throws UserError for a file that is not there */
export async function readSetup(setup: string | undefined): Promise<Source | undefined> {
  if (setup === undefined) return undefined;
  if (!/\.sql$/i.test(setup)) return { source: "--setup", sql: setup };
  if (!existsSync(setup)) throw new UserError(`--setup ${setup}: not found`);
  return { source: `--setup ${setup}`, sql: await readFile(setup, "utf8") };
}
