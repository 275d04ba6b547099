import { createHash } from "node:crypto";
import { join } from "node:path";
import { Random } from "@poeem/indexing-layer";
import { UserError } from "@poeem/offline/errors";
import { fnv1a32 } from "@poeem/towers";
import type { PoeemConfig } from "../config.ts";
import { keySql } from "../data/column-values.ts";
import { Database } from "../data/duckdb.ts";
import { readEvents } from "../data/events.ts";
import { gather } from "../data/gather.ts";
import { type DataHashes, hashesOf } from "../data/hash.ts";
import { sortItems } from "../data/item-order.ts";
import { readItems } from "../data/items.ts";
import { checkNames } from "../data/limits.ts";
import { folderOf, type LoadOptions, setupOf } from "../data/load.ts";
import { readQueryVectors } from "../data/query-vectors.ts";
import type { Texts } from "../data/text-list.ts";
import type { ItemTable, QueryVectors, Vectors } from "../data/types.ts";
import { sampleStream, type VectorStream, vectorStream } from "./stream.ts";

/** Items whose vectors are still to be read. */
export interface StreamedItems {
  readonly ids: Texts;
  readonly items: ItemTable;
  readonly vectors: VectorStream;
  /** Of `data.queries`: those that codes are learned by, and those held out. */
  readonly queries: Vectors | undefined;
  readonly heldOut: Vectors | undefined;
  /** What everything but the items' vectors comes to. */
  readonly hashes: DataHashes;
}

/**
 * Reads the items and sample queries of a configuration of vectors alone, and lends a stream of the items' vectors,
 * which stay in DuckDB's table on disk, as long as `use` runs.
 * @throws UserError for unusable data
 */
export async function withVectors<T>(
  config: PoeemConfig,
  directory: string,
  options: LoadOptions,
  use: (streamed: StreamedItems) => Promise<T>,
): Promise<T> {
  checkNames(config);
  const folders = options.data === undefined ? [directory, join(directory, "data")] : [folderOf(options.data)];
  const database = await Database.open(folders, config.data.memoryLimit, setupOf(config));
  try {
    const { id, openVectors, ...read } = await readItems(database, config, undefined, undefined, true);
    const { ids, items, rows } = await sortItems(database, read, keySql(id.type, id.sql));
    const [column] = await openVectors();
    const vectors = vectorStream(database, column!, rows);
    const { events } = await readEvents(database, config, id);
    const queryVectors = await readQueryVectors(database, config);
    const [queries] = queryVectors?.columns.values() ?? [];
    if (queries && queries.length !== vectors.length) {
      throw new UserError(
        `data.queries: expected vectors of ${vectors.length} numbers in column ${config.queries.embeddings[0]}, as ` +
          `those of the items, got ${queries.length}`,
      );
    }
    const hashes = hashesOf(ids, items, events, queryVectors);
    const [learned, heldOut] = queryVectors ? holdOut(queryVectors, queries!, config.split.testModulus) : [];
    return await use({ ids, items, vectors, queries: learned, heldOut, hashes });
  } finally {
    database.close();
  }
}

/** Sample queries to learn from, and those held out, by the hash of their text; undefined for none. */
function holdOut({ rowOf }: QueryVectors, { length, values }: Vectors, modulus: number): (Vectors | undefined)[] {
  const sides: number[][] = [[], []];
  for (const [text, row] of rowOf) sides[Number(modulus > 0 && fnv1a32(text) % modulus === 0)]!.push(row);
  return sides.map((rows) => (rows.length > 0 ? { length, values: gather(values, rows, length) } : undefined));
}

/** Some of the items' vectors, and the hashes of all data. */
export async function sampleItems({ vectors, hashes }: StreamedItems, most: number, seed: number) {
  const sample = await sampleStream(vectors, most, new Random(seed));
  const items = createHash("sha256").update(hashes.items).update(sample.hash).digest("hex");
  return { sample, hashes: { ...hashes, items } };
}
