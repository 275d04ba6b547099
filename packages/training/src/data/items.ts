import { JsonDuckDBValueConverter } from "@duckdb/node-api";
import type { PoeemConfig } from "../config.ts";
import {
  checkTypes,
  keySql,
  parseNumber,
  type Role,
  roundedSql,
  roundedWords,
  textSql,
  type Use,
} from "./column-values.ts";
import { type Database, wholeText } from "./duckdb.ts";
import { numbersOf } from "./events.ts";
import { kindOf, wrongFields } from "./item-fields.ts";
import { type TypedColumn, typedColumns } from "./json-columns.ts";
import { keepTable, type Source } from "./kept-table.ts";
import { checkFacetValues, checkIdLimits } from "./limits.ts";
import { findRows, ProblemRows, refuse } from "./problems.ts";
import { TextList, type Texts } from "./text-list.ts";
import type { FieldKind, ItemTable, Vectors } from "./types.ts";
import { numberCure } from "./value-cures.ts";
import { openVectorColumn, readVectors, type VectorColumn } from "./vector-columns.ts";

/** Kinds of the fields of an index, by name. */
export type FieldKinds = Readonly<Record<string, FieldKind>>;

/** What was read of the items; the table `items` has them by their rows. */
export interface ReadItems {
  readonly ids: Texts;
  readonly items: ItemTable;
  readonly id: TypedColumn;
  /** The columns of `items.embeddings`, to be read in slices. @throws UserError for rows without a vector */
  openVectors(): Promise<VectorColumn[]>;
}

/** Items in the table `items`, of which nothing is in memory yet. */
export interface OpenItems extends Pick<ReadItems, "id" | "openVectors"> {
  readonly count: number;
  /** Ids and columns of some rows, from one up to another; all but vectors. @throws UserError naming wrong rows */
  read(from: number, to: number): Promise<{ readonly ids: Texts; readonly items: ItemTable }>;
}

/** How items are read, beside what the configuration says. */
export interface ItemsOptions {
  /** Kinds of the fields of an index that the items are to join; default: as the types of the columns say. */
  readonly recorded?: FieldKinds | undefined;
  /** Rows to take, as SQL of the column of ids and its type; default: all. */
  readonly where?: (id: string, type: string) => string;
  /** Lets there be no row. */
  readonly mayBeEmpty?: boolean;
}

/**
 * Reads the columns of the items that the config names into memory, and the ids into the table `items`.
 *
 * @param from the query to read, and its name in errors
 * @param recorded see `ItemsOptions`
 * @param isStreamed leaves the vectors in the table, for `openVectors`
 */
export async function readItems(
  database: Database,
  config: PoeemConfig,
  from: Source = { source: "data.items", sql: config.data.items },
  recorded?: FieldKinds,
  isStreamed = false,
): Promise<ReadItems> {
  const { count, id, read, openVectors } = await openItems(database, config, from, { recorded });
  const { ids, items } = await read(0, count);
  const columns = isStreamed ? [] : await openVectors();
  return { ids, items: { ...items, vectors: await vectorsOf(database, columns, 0, count) }, id, openVectors };
}

/** Columns of vectors by their names, of some rows from one up to another. */
export async function vectorsOf(
  database: Database,
  columns: readonly VectorColumn[],
  from: number,
  to: number,
): Promise<Map<string, Vectors>> {
  const read = new Map<string, Vectors>();
  for (const column of columns)
    read.set(column.name, { length: column.length, values: await readVectors(database, column, from, to) });
  return read;
}

/**
 * Puts the columns of the items that the config names into the table `items`, and checks their types and ids.
 * @param from the query to read, and its name in errors
 */
export async function openItems(
  database: Database,
  config: PoeemConfig,
  from: Source,
  { recorded, where, mayBeEmpty = false }: ItemsOptions = {},
): Promise<OpenItems> {
  const { source } = from;
  const usesOf = (has: (column: string) => boolean): Use[] => itemUses(config, titleColumn(config, has, recorded));
  const table = await keepTable(database, from, "items", {
    ...wantedColumns(config, recorded),
    mayBeEmpty,
    ...(where && { where: (sql, types) => where(sql(config.items.id), types.get(config.items.id)!) }),
    check: (types) =>
      checkTypes(
        source,
        usesOf((column) => types.has(column)),
        types,
      ),
  });
  const { count } = table;
  const uses = usesOf(table.has);
  const columns = await typedColumns(database, source, table, uses);
  const id = columns.get(config.items.id)!;
  await checkIds(database, config.items.id, id, source);
  const vectorUses = uses.filter(({ role }) => role === "vector");
  return {
    count,
    id,
    async read(from, to) {
      const { ids, items } = await readColumns(database, source, { from, to }, columns, uses, recorded);
      const read = { ...items, vectors: new Map() };
      checkIdLimits([...ids], config.items.id, source, from);
      checkFacetValues(read, config.items.facets, source, from);
      return { ids, items: read };
    },
    async openVectors() {
      const opened: VectorColumn[] = [];
      for (const use of vectorUses)
        opened.push(await openVectorColumn(database, { source, name: "items", count }, columns.get(use.column)!, use));
      return opened;
    },
  };
}

/** Which columns of the items are text to us and which are values. */
function wantedColumns(config: PoeemConfig, recorded: FieldKinds | undefined) {
  const uses = itemUses(
    config,
    titleColumn(config, () => false, recorded),
  );
  const columnsOf = (...roles: Role[]): string[] =>
    uses.filter(({ role }) => roles.includes(role)).map(({ column }) => column);
  return {
    texts: columnsOf("id", "text", "texts"),
    ids: columnsOf("id"),
    values: columnsOf("field", "number", "vector"),
    // of numbers too: to a reader 0x1F is 31
    fields: columnsOf("field", "number"),
    optional: config.items.title === undefined && !recorded ? ["title"] : [],
  };
}

/** Without `items.title` it is the column of that name, if there is one. */
function titleColumn(
  { items }: PoeemConfig,
  has: (column: string) => boolean,
  recorded: FieldKinds | undefined,
): string | undefined {
  if (items.title !== undefined) return items.title;
  const isThere = recorded ? recorded["title"] !== undefined : has("title");
  return isThere ? "title" : undefined;
}

function itemUses({ items }: PoeemConfig, title: string | undefined): Use[] {
  const uses = (key: string, role: Role, columns: readonly string[]): Use[] =>
    columns.map((column) => ({ key: `items.${key}`, column, role }));
  return [
    ...uses("id", "id", [items.id]),
    ...uses("title", "text", title === undefined ? [] : [title]),
    ...uses("text", "texts", items.text),
    ...uses("categories", "texts", items.categories),
    ...uses("facets", "texts", items.facets),
    ...uses("inputs", "number", items.inputs),
    ...uses("numbers", "number", items.numbers),
    ...uses("embeddings", "vector", items.embeddings),
    ...uses("fields", "field", items.fields),
  ];
}

async function readColumns(
  database: Database,
  source: string,
  { from, to }: { readonly from: number; readonly to: number },
  columns: ReadonlyMap<string, TypedColumn>,
  uses: readonly Use[],
  recorded: FieldKinds | undefined,
): Promise<{ ids: Texts; items: Omit<ItemTable, "vectors"> }> {
  const count = to - from;
  const columnsOf = (...roles: Role[]): string[] => [
    ...new Set(uses.filter(({ role }) => roles.includes(role)).map(({ column }) => column)),
  ];
  const texts = new Map(
    columnsOf("id", "text", "texts", "field").map((name) => [name, new Array<string | string[] | null>(count)]),
  );
  const numbers = new Map(columnsOf("number").map((name) => [name, new Float64Array(count)]));
  const wrong = new Map(
    Array.from(numbers.keys(), (name) => {
      const keys = uses.filter(({ column, role }) => role === "number" && column === name).map(({ key }) => key);
      return [name, new ProblemRows(`no number in column ${name} (${[...new Set(keys)].join(", ")})`)] as const;
    }),
  );
  const names = [...new Set([...texts.keys(), ...numbers.keys()])];
  const list = names.map((name) => {
    const { type, sql } = columns.get(name)!;
    return wholeText(textSql(type, sql), type.depth > 0);
  });
  const rows = `items WHERE rowid >= ${from} AND rowid < ${to}`;
  await database.scan(`SELECT (rowid - ${from})::UINTEGER, ${list.join(", ")} FROM ${rows}`, (chunk) => {
    const at = numbersOf(chunk, 0);
    names.forEach((name, c) => {
      const [text, number] = [texts.get(name), numbers.get(name)];
      const values = chunk.convertColumnValues(c + 1, JsonDuckDBValueConverter) as (string | string[] | null)[];
      for (let i = 0; i < at.length; i++) {
        const value = values[i]!;
        if (text) text[at[i]!] = value;
        if (!number) continue;
        const parsed = parseNumber(value as string | null);
        if (parsed === undefined) wrong.get(name)!.add(from + at[i]!, value as string);
        else number[at[i]!] = parsed;
      }
    });
  });
  const fields = new Map<string, { column: string; kind: FieldKind }>();
  const problems = [...wrong.values()].map((rows) => rows.problem());
  for (const { key, column, role } of uses) {
    if (key === "items.title") fields.set("title", { column, kind: "text" });
    if (role !== "field" || fields.has(column)) continue;
    const values = texts.get(column)!;
    const kind = recorded?.[column] ?? kindOf(columns.get(column)!, values);
    fields.set(column, { column, kind });
    problems.push(...wrongFields(column, kind, values, from));
  }
  refuse(source, problems, await numberHint(database, columns, wrong));
  const id = uses[0]!.column;
  const ids = new TextList(texts.get(id) as string[]);
  if (!uses.some(({ column, role }) => column === id && role !== "id")) texts.delete(id);
  return { ids, items: { count, texts, numbers, fields } };
}

/** SQL for the first of the columns of numbers that have something else in them, where there is some that works. */
async function numberHint(
  database: Database,
  columns: ReadonlyMap<string, TypedColumn>,
  wrong: ReadonlyMap<string, ProblemRows>,
): Promise<string | undefined> {
  const [name] = [...wrong].find(([, rows]) => rows.problem().count > 0) ?? [];
  if (name === undefined) return undefined;
  const { type, sql } = columns.get(name)!;
  const cure = await numberCure((query) => database.rows(query), "items", name, type, textSql(type, sql));
  return cure && `SQL that would do: ${cure}`;
}

/** An id is a text, not blank, and stands in one row. */
async function checkIds(database: Database, name: string, { type, sql }: TypedColumn, source: string): Promise<void> {
  const value = keySql(type, sql);
  const missing = `(${value}) IS NULL`;
  const repeated = `NOT ${missing} AND rowid NOT IN (SELECT min(rowid) FROM items GROUP BY ${value})`;
  const rounded = roundedSql(type, sql);
  const find = (where: string) => findRows(database, `items WHERE ${where}`, sql);
  const again = await find(repeated);
  const examples = await Promise.all(
    again.examples.map(async (one) => {
      const same = await find(`(${value}) IN (SELECT ${value} FROM items WHERE rowid = ${one.row - 1})`);
      const like = same.examples[0]!;
      return like.value === one.value ? one : { ...one, like };
    }),
  );
  refuse(source, [
    { what: `no ${name}`, ...(await find(missing)) },
    ...(rounded === undefined ? [] : [{ what: roundedWords(name, type), ...(await find(rounded)) }]),
    { what: `repeated ${name}`, count: again.count, examples },
  ]);
}
