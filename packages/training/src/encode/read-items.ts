import { resolve } from "node:path";
import type { ArtifactInput } from "@poeem/pq-core";
import type { PoeemConfig } from "../config.ts";
import { Database, literal } from "../data/duckdb.ts";
import { filterColumns } from "../data/filter-columns.ts";
import { itemFields } from "../data/item-fields.ts";
import { type FieldKinds, readItems } from "../data/items.ts";
import { itemsFile } from "../data/items-file.ts";
import type { ItemTable } from "../data/types.ts";

/** Items of a file, with what an index keeps of them. */
export interface ItemsFile extends Required<Pick<ArtifactInput, "fields" | "facets" | "numbers">> {
  readonly ids: string[];
  readonly items: ItemTable;
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
    const { ids, items } = await readItems(database, config, from, recorded);
    return { ids: [...ids], items, fields: itemFields(items), ...filterColumns({ items }, config) };
  } finally {
    database.close();
  }
}
