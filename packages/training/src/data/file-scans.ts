import { basename } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { type Database, literal } from "./duckdb.ts";
import { findFile } from "./file-names.ts";
import { ctesOf } from "./lineage.ts";
import { type Reader, readerCalled, readerOf } from "./readers.ts";
import { nodesOf, parseSql, printSql, queryOf, type SqlNode } from "./sql-tree.ts";

/** Files in the FROM of a query. */
export interface FileScan {
  /** Its node in the tree of the query. */
  readonly node: SqlNode;
  readonly reader: Reader;
  /** The file as the query names it, for errors. */
  readonly file: string;
  /** Names of the query's own for the columns, the first few. */
  readonly aliases: readonly string[];
}

/** One option by all its names. */
export const TYPES: readonly string[] = ["types", "dtypes", "column_types"];

// functions that take names of files first, beside the readers of rows
const OTHER_READERS = /^(read_(nd)?json_objects(_auto)?|read_text|read_blob|glob|sniff_csv|parquet_\w+)$/i;

/**
 * Finds the files that a query reads, and gives them their absolute names in its tree.
 * @throws UserError for a file that is not there, and a name that does not say how to read it
 */
export async function findScans(database: Database, source: string, tree: SqlNode): Promise<FileScan[]> {
  const scans: FileScan[] = [];
  const ctes = new Set(ctesOf(tree).map(({ key }) => lower(key)));
  for (const node of nodesOf(tree, ({ type }) => type === "BASE_TABLE" || type === "TABLE_FUNCTION")) {
    const scan =
      node["type"] === "TABLE_FUNCTION"
        ? await functionScan(database, source, node)
        : ctes.has(lower(node["table_name"]))
          ? undefined
          : await tableScan(database, source, node);
    if (scan) scans.push({ node, ...scan, aliases: node["column_name_alias"] as string[] });
  }
  return scans;
}

/** FROM read_csv('items.csv', …) */
async function functionScan(database: Database, source: string, node: SqlNode) {
  const call = node["function"] as SqlNode;
  const reader = readerCalled(call["function_name"] as string);
  if (reader === undefined && !OTHER_READERS.test(call["function_name"] as string)) return undefined;
  const [files] = call["children"] as SqlNode[];
  const names = nodesOf(files, ({ type, value }) => type === "VALUE_CONSTANT" && isText(value));
  let file = "";
  for (const constant of names) {
    const value = constant["value"] as SqlNode;
    file ||= value["value"] as string;
    value["value"] = await mustFind(database, source, value["value"] as string);
  }
  return reader && { reader, file };
}

/** FROM 'items.csv' */
async function tableScan(database: Database, source: string, node: SqlNode) {
  const file = node["table_name"] as string;
  const reader = readerOf(file);
  if (node["schema_name"] !== "" || !/[./\\]/.test(file)) return undefined;
  if (reader === undefined || /\.txt(\.\w+)?$/i.test(file)) {
    const name = literal(file);
    throw new UserError(
      `${source}: ${name} does not say how to read it: ` +
        `write FROM read_csv(${name}), read_json(${name}) or read_parquet(${name})`,
    );
  }
  // as DuckDB calls a table that it reads from a file
  node["alias"] ||= basename(file).split(".")[0] || file;
  node["table_name"] = await mustFind(database, source, file);
  return { reader, file };
}

async function mustFind(database: Database, source: string, name: string): Promise<string> {
  const found = await findFile(database, name);
  if (found !== undefined) return found;
  const folders = database.folders.join(" or ");
  throw new UserError(`${source}: IO Error: No files found that match ${name} in ${folders}; --data looks elsewhere`);
}

/** The table of a scan with more options, or others. @param options as SQL has them: "types = {'id': 'VARCHAR'}" */
export async function withOptions(database: Database, { node, reader }: FileScan, options: readonly string[]) {
  const made = await parseSql(database, { source: "", sql: `FROM read_${reader}('', ${options.join(", ")})` });
  const table = queryOf(made)["from_table"] as SqlNode;
  const call = table["function"] as SqlNode;
  const [name, ...added] = call["children"] as SqlNode[];
  if (node["type"] === "BASE_TABLE") {
    (name!["value"] as SqlNode)["value"] = node["table_name"];
  } else {
    const { children, function_name } = node["function"] as SqlNode;
    const names = new Set(added.map(optionName).flatMap((name) => (name === "types" ? TYPES : name)));
    const before = (children as SqlNode[]).filter((one) => !names.has(optionName(one)));
    Object.assign(call, { children: [...before, ...added], function_name });
  }
  const { alias, sample, column_name_alias } = node;
  return { ...table, alias, sample, column_name_alias };
}

/** The value of an option of a scan as SQL has it; undefined when it is not set. */
export function option({ node }: FileScan, ...names: readonly string[]): SqlNode | undefined {
  const children = ((node["function"] as SqlNode | undefined)?.["children"] ?? []) as SqlNode[];
  return children.find((child) => names.includes(optionName(child) ?? ""))?.["right"] as SqlNode | undefined;
}

function optionName({ type, left }: SqlNode): string | undefined {
  return type === "COMPARE_EQUAL" ? lower(((left as SqlNode)["column_names"] as string[]).at(-1)) : undefined;
}

/** A SELECT of everything that the table of a scan has, by the names in the file. */
export async function tableSql(database: Database, table: SqlNode): Promise<string> {
  const tree = await parseSql(database, { source: "", sql: "FROM x" });
  queryOf(tree)["from_table"] = { ...table, sample: null, column_name_alias: [] };
  return printSql(database, tree);
}

const lower = (name: unknown): string => String(name).toLowerCase();

function isText(value: unknown): boolean {
  const { type, value: text } = value as { type?: { id?: string }; value?: unknown };
  return type?.id === "VARCHAR" && typeof text === "string";
}
