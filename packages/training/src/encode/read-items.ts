import { resolve } from "node:path";
import type { ArtifactInput } from "@poeem/pq-core";
import type { PoeemConfig } from "../config.ts";
import { Database, literal, type Source } from "../data/duckdb.ts";
import { filterColumns } from "../data/filter-columns.ts";
import { itemFields } from "../data/item-fields.ts";
import { type FieldKinds, type ItemsOptions, openItems, vectorsOf } from "../data/items.ts";
import { itemsFile } from "../data/items-file.ts";
import type { ItemTable } from "../data/types.ts";

/** Items of a file, or some of them, with what an index keeps of them. */
export interface ItemsFile extends Required<Pick<ArtifactInput, "fields" | "facets" | "numbers">> {
  readonly ids: string[];
  readonly items: ItemTable;
}

/** Items that need not fit into memory. */
export interface ItemSlices {
  readonly count: number;
  /** Those of some rows, from one up to another. @throws UserError naming wrong rows */
  read(from: number, to: number): Promise<ItemsFile>;
}

/**
 * Reads items as the trainer read those of the catalogue.
 *
 * @param file CSV, TSV, JSON(L) or Parquet with the columns that `config.items` names
 * @param recorded kinds of the index's fields; undefined in an index of an earlier release
 */
export async function readItemsFile(
  file: string,
  config: PoeemConfig,
  recorded: FieldKinds | undefined,
): Promise<ItemsFile> {
  const database = await Database.open([process.cwd()], config.data.memoryLimit);
  try {
    const texts = await itemsFile(database, file, "--items");
    // an index of an earlier release has its fields as the reader guesses their types
    const from = recorded ? texts : { source: file, sql: `SELECT * FROM ${literal(resolve(file))}` };
    const { count, read } = await openSlices(database, config, from, { recorded });
    return await read(0, count);
  } finally {
    database.close();
  }
}

/** The same of any query, some rows at a time. */
export async function openSlices(
  database: Database,
  config: PoeemConfig,
  from: Source,
  options: ItemsOptions,
): Promise<ItemSlices> {
  const open = await openItems(database, config, from, options);
  const columns = open.count === 0 ? [] : await open.openVectors();
  return {
    count: open.count,
    async read(from, to) {
      const { ids, items: read } = await open.read(from, to);
      const items = { ...read, vectors: await vectorsOf(database, columns, from, to) };
      return { ids: [...ids], items, fields: itemFields(items), ...filterColumns({ items }, config) };
    },
  };
}
