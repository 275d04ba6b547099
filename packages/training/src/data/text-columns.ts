import { UserError } from "@poeem/offline/errors";
import { type Database, literal, type Source } from "./duckdb.ts";
import { type FileScan, findScans, tableSql } from "./file-scans.ts";
import { Lineage, type Origin } from "./lineage.ts";
import { isPassedOn } from "./passed-on.ts";
import { readAsText, typeOptions } from "./read-as-text.ts";
import { type Rewritten, rewrittenColumns } from "./rewritten.ts";
import { parseSql, printSql, queryOf, type SqlNode, walk } from "./sql-tree.ts";

/** A file of a query, with the types of its columns. */
interface Described {
  readonly scan: FileScan;
  readonly types: ReadonlyMap<string, string>;
  /** Columns of it by what the query calls them, in lower case. */
  readonly names: ReadonlyMap<string, string>;
}

/**
 * The user's SQL with the absolute names of its files, and so that `texts`, columns of its result, hold what stands in
 * CSV or JSON, whatever type the reader guesses: where the guess would change a value, the column is read as text.
 *
 * @throws UserError where it would change a value that the SQL computes with, for SQL that is wrong, for missing files
 */
export async function asWritten(database: Database, from: Source, texts: readonly string[]): Promise<string> {
  const tree = await parseSql(database, from);
  const scans = await findScans(database, from.source, tree);
  const sql = await printSql(database, tree);
  const before = await database.describe(from.source, sql);
  const lineage = new Lineage(tree);
  const present = texts.filter((column) => before.has(column));
  const origins = new Map(present.map((column) => [column, lineage.of(queryOf(tree), column.toLowerCase())]));
  const free = new Set([...before.keys()]);
  const words = wordsOf(tree, texts);
  for (const scan of scans) {
    const file = await describeScan(database, from.source, scan);
    const used = [...file.names].filter(([name]) => [...origins.values()].flat().some((one) => meets(one, scan, name)));
    const columns = used.map(([, column]) => column);
    const found = await rewrittenColumns(database, from.source, scan, file.types, columns, words);
    if (found.length === 0) continue;
    const asText = new Map<string, string>();
    for (const one of found) {
      const name = [...file.names].find(([, column]) => column === one.name)![0];
      const results = present.filter((column) => origins.get(column)!.some((origin) => meets(origin, scan, name)));
      const computed = results.find((column) => !isPassedOn(queryOf(tree), name, column.toLowerCase()));
      if (computed !== undefined && one.inSql) throw await refusal(database, from.source, file, one, computed);
      if (computed !== undefined) continue;
      asText.set(one.name, one.text);
      for (const column of results) free.delete(column);
    }
    if (asText.size === 0) continue;
    const table = await readAsText(database, scan, file.types, asText);
    if (table === undefined) throw await refusal(database, from.source, file, found[0]!, found[0]!.name);
    for (const key of Object.keys(scan.node)) delete scan.node[key];
    Object.assign(scan.node, table);
    const after = await database.describe(from.source, await printSql(database, tree));
    const changed = [...free].find((column) => after.get(column) !== before.get(column));
    if (changed !== undefined) throw await refusal(database, from.source, file, found[0]!, changed);
  }
  return printSql(database, tree);
}

/** All names and texts in a query and its result, in lower case. */
function wordsOf(tree: SqlNode, columns: readonly string[]): ReadonlySet<string> {
  const words = new Set(columns.map((column) => column.toLowerCase()));
  walk(tree, ({ column_names, value }) => {
    for (const name of Array.isArray(column_names) ? column_names : []) words.add(String(name).toLowerCase());
    if (typeof value === "string") words.add(value.toLowerCase());
  });
  return words;
}

async function describeScan(database: Database, source: string, scan: FileScan): Promise<Described> {
  const types = await database.describe(source, await tableSql(database, scan.node));
  const aliases = scan.node["column_name_alias"] as string[];
  return {
    scan,
    types,
    names: new Map([...types.keys()].map((name, i) => [(aliases[i] ?? name).toLowerCase(), name])),
  };
}

const meets = ({ table, column }: Origin, scan: FileScan, name: string): boolean =>
  table === scan.node && (column === undefined || column === name);

const MOST = 60;
const shortened = (text: string): string => (text.length > MOST ? `${text.slice(0, MOST)}…` : text);

/** Two lines: what is lost, and what to write instead. @param result the column of the result that it would change */
async function refusal(
  database: Database,
  source: string,
  { scan, types }: Described,
  { name, type, text, written }: Rewritten,
  result: string,
): Promise<UserError> {
  const options = await typeOptions(database, scan, types, new Map([[name, text]]));
  const [row] = await database.rows(`SELECT TRY_CAST(${literal(written ?? "")} AS ${type})::VARCHAR AS read`);
  const read = row!["read"] as string | null;
  const [before, after] = [written, read].map((value) => value && JSON.stringify(shortened(value)));
  const example =
    before === undefined
      ? "whether its values stay as they are cannot be seen"
      : `${before} ${after ? `becomes ${after}` : "does not stay as it is"}`;
  return new UserError(
    `${source}: DuckDB takes column ${name} of ${scan.file} for ${shortened(type)}: ${example}` +
      `${result === name ? "" : ` on its way into ${result}`}.\n` +
      `Read it as text: FROM read_${scan.reader}(${[literal(scan.file), ...options].join(", ")})`,
  );
}
