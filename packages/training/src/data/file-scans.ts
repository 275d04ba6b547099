import { basename } from "node:path";
import { UserError } from "@poeem/offline/errors";
import { type Database, literal } from "./duckdb.ts";
import { findFile, namesFolders } from "./file-names.ts";
import { type Reader, readerCalled, readerOfTable } from "./readers.ts";
import { Scopes } from "./scopes.ts";
import { lower, nodesOf, parseSql, printSql, queryOf, replaceNode, type SqlNode } from "./sql-tree.ts";

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

// of SQL that is another query's text
const QUERY = /^query$/i;

/**
 * Finds the files that a query reads, and gives them their absolute names in its tree.
 * @throws UserError for a file that is not there, and a name that does not say how to read it
 */
export async function findScans(database: Database, source: string, tree: SqlNode): Promise<FileScan[]> {
  await inlineQueries(database, source, tree);
  const scans: FileScan[] = [];
  const scopes = new Scopes(tree);
  for (const node of nodesOf(tree, ({ type }) => type === "BASE_TABLE" || type === "TABLE_FUNCTION")) {
    if (scopes.cteOf(node)) continue;
    const found = await (node["type"] === "TABLE_FUNCTION" ? functionScan : tableScan)(database, source, node);
    if (!found) continue;
    const scan = { node, ...found, aliases: node["column_name_alias"] as string[] };
    if (
      found.file !== "" &&
      !namesFolders(found.file) &&
      !option(scan, "hive_partitioning", "hive_types", "hive_types_autocast")
    )
      replaceNode(node, await withOptions(database, scan, ["hive_partitioning = false"]));
    scans.push(scan);
  }
  return scans;
}

/** Puts the SQL of query('…') in its place. */
async function inlineQueries(database: Database, source: string, tree: SqlNode): Promise<void> {
  const isQuery = ({ type, function: call }: SqlNode): boolean =>
    type === "TABLE_FUNCTION" && QUERY.test((call as SqlNode)["function_name"] as string);
  for (const node of nodesOf(tree, isQuery)) {
    const [constant, ...others] = textsIn(((node["function"] as SqlNode)["children"] as SqlNode[])[0]);
    if (!constant || others.length > 0) continue;
    const made = await parseSql(database, { source: "", sql: "FROM (FROM x) AS x" });
    const inner = await parseSql(database, { source, sql: constant["value"] as string });
    await inlineQueries(database, source, inner);
    const { alias, sample, column_name_alias } = node;
    const table = queryOf(made)["from_table"] as SqlNode;
    replaceNode(node, { ...table, alias: alias || "query", sample, column_name_alias });
    (node["subquery"] as SqlNode)["node"] = queryOf(inner);
  }
}

/** FROM read_csv('items.csv', …) */
async function functionScan(database: Database, source: string, node: SqlNode) {
  const call = node["function"] as SqlNode;
  const name = call["function_name"] as string;
  const reader = readerCalled(name);
  const values = textsIn((call["children"] as SqlNode[])[0]);
  const isReader = reader !== undefined || OTHER_READERS.test(name);
  const file = (values[0]?.["value"] as string | undefined) ?? "";
  // of other functions, such as read_xlsx, we do not know whether it is a file
  for (const value of values) {
    const text = value["value"] as string;
    value["value"] = isReader
      ? await mustFind(database, source, text, reader === undefined)
      : ((await findIn(database, source, text, true)) ?? text);
  }
  if (isReader && values.length === 0) checkFolders(database, source, name);
  return reader && { reader, file };
}

/** FROM 'items.csv' */
async function tableScan(database: Database, source: string, node: SqlNode) {
  const file = node["table_name"] as string;
  if (node["schema_name"] !== "" || !/[./\\]/.test(file)) return undefined;
  const reader = readerOfTable(file);
  if (reader === undefined) {
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

/** DuckDB itself looks up what SQL makes of names: its list of folders has commas between them. */
function checkFolders({ folders }: Database, source: string, name: string): void {
  const folder = folders.find((one) => one.includes(","));
  if (folder === undefined) return;
  throw new UserError(
    `${source}: ${name} of a name that SQL makes cannot look in ${folder}, which has a comma: write the name out`,
  );
}

async function findIn(database: Database, source: string, name: string, mayBeFolder: boolean) {
  try {
    return await findFile(database, name, mayBeFolder);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${source}: ${error.message}`) : error;
  }
}

async function mustFind(database: Database, source: string, name: string, mayBeFolder = false): Promise<string> {
  const found = await findIn(database, source, name, mayBeFolder);
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

/** Options of readers of JSON that say how its rows stand in a file. */
const ROW_OPTIONS: readonly (string | undefined)[] = ["format", "compression", "maximum_object_size", "ignore_errors"];

/** The rows of a JSON file as they stand there, in a column `json`. */
export async function jsonObjects(database: Database, { node }: FileScan): Promise<SqlNode> {
  const made = await parseSql(database, { source: "", sql: "FROM read_json_objects('')" });
  const table = queryOf(made)["from_table"] as SqlNode;
  const call = table["function"] as SqlNode;
  if (node["type"] === "BASE_TABLE") {
    const [name] = call["children"] as SqlNode[];
    (name!["value"] as SqlNode)["value"] = node["table_name"];
    return table;
  }
  const { children, function_name } = node["function"] as SqlNode;
  const [files, ...options] = children as SqlNode[];
  call["children"] = [files, ...options.filter((one) => ROW_OPTIONS.includes(optionName(one)))];
  if (/^read_ndjson/i.test(function_name as string)) call["function_name"] = "read_ndjson_objects";
  return table;
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

/** The texts that an argument is: one, or a list of nothing else. None where SQL computes it. */
function textsIn(argument: SqlNode | undefined): SqlNode[] {
  const isList = argument?.["function_name"] === "list_value";
  const all = isList ? (argument["children"] as SqlNode[]) : argument ? [argument] : [];
  const texts = all.map(({ type, value }) => (type === "VALUE_CONSTANT" && isText(value) ? value : undefined));
  return texts.includes(undefined) ? [] : (texts as SqlNode[]);
}

function isText(value: unknown): boolean {
  const { type, value: text } = value as { type?: { id?: string }; value?: unknown };
  return type?.id === "VARCHAR" && typeof text === "string";
}
