import { UserError } from "@poeem/offline/errors";
import { type ArtifactInput, type ItemId, parseList } from "@poeem/pq-core";
import { resolveConfig } from "../config.ts";
import { Database } from "../data/duckdb.ts";
import { filterColumns } from "../data/filter-columns.ts";
import { itemFields } from "../data/item-fields.ts";
import { readItems } from "../data/items.ts";
import { typedFile } from "../data/items-file.ts";
import { checkNames } from "../data/limits.ts";
import { rowsById } from "./read-ids.ts";

/** Which columns of a file are what; a list of names is text with commas, unless a column has that whole name. */
export interface ValueColumns {
  readonly id: string;
  readonly title?: string | undefined;
  readonly fields?: readonly string[] | undefined;
  readonly facets?: readonly string[] | undefined;
  readonly numbers?: readonly string[] | undefined;
}

/** Values for items of an index that has none, and how ids met. */
export interface ItemValues extends Pick<ArtifactInput, "fields" | "facets" | "numbers"> {
  /** Rows of the file whose id is none of the index's. */
  readonly unknown: number;
  /** Items that have no row in the file, and so no values. */
  readonly without: number;
}

/**
 * Titles, fields, facets and numbers for items by their id, from a file read as `poeem train` reads one. An id of an
 * index of numbers may be written with zeros before and after it: 7, 007 and 7.0 are one id.
 *
 * @param ids of the items, in the order of the result
 * @throws UserError for a file that cannot be read so, for columns that name nothing, and where no id meets another
 */
export async function readItemValues(file: string, columns: ValueColumns, ids: readonly ItemId[]): Promise<ItemValues> {
  const from = typedFile(file, "--items");
  const { source, sql } = from;
  const database = await Database.open([process.cwd()], "2GB");
  try {
    const types = await database.describe(source, sql);
    const plain = (name: string): string => (types.has(name) ? name : name.trim());
    const listed = (option: "fields" | "facets" | "numbers"): string[] =>
      (columns[option] ?? []).flatMap((name) => (types.has(name) ? [name] : parseList(name, option).map(plain)));
    const { id, title } = columns;
    const [fields, facets, numbers] = [listed("fields"), listed("facets"), listed("numbers")];
    if (title === undefined && !types.has("title") && fields.length + facets.length + numbers.length === 0)
      throw new UserError(`${source}: expected --title, --fields, --facets or --numbers, which name its columns`);
    const config = resolveConfig(
      { name: "import", data: { items: sql }, items: { id, title, fields, facets, numbers } },
      source,
    );
    checkNames(config);
    const { ids: rowIds, items } = await readItems(database, config, from);
    const rowOf = joinIds(source, [...rowIds], ids);
    const spread = <T>(values: ArrayLike<T>, none: T): T[] => rowOf.map((row) => (row < 0 ? none : values[row]!));
    const { facets: facetValues, numbers: numberValues } = filterColumns({ items }, config);
    const filters = {
      facets: mapValues(facetValues!, (values) => spread(values, [])),
      numbers: mapValues(numberValues!, (values) => spread(values, Number.NaN)),
    };
    const found = rowOf.filter((row) => row >= 0).length;
    return {
      ...(items.fields.size > 0 ? { fields: spread(itemFields(items), {}) } : {}),
      ...(facets.length + numbers.length > 0 ? filters : {}),
      unknown: items.count - found,
      without: ids.length - found,
    };
  } finally {
    database.close();
  }
}

/** Row of each id, −1 where there is none. */
function joinIds(source: string, rows: readonly string[], ids: readonly ItemId[]): number[] {
  const rowOf = rowsById(source, rows, typeof ids[0] === "string" ? "string" : "u64");
  const found = ids.map((id) => rowOf.get(String(id)) ?? -1);
  if (ids.length > 0 && found.every((row) => row < 0))
    throw new UserError(
      `${source}: none of its ids is in the index; it has ids such as ${JSON.stringify(rows[0])}, the index such as ` +
        `${ids[0]}`,
    );
  return found;
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
