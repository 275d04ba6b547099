import { UserError } from "@poeem/offline/errors";
import { columnType, type Kind } from "./column-type.ts";
import { type Database, literal, type Source } from "./duckdb.ts";
import { type FileScan, findScans, tableSql } from "./file-scans.ts";
import { respelledNumber } from "./json-numbers.ts";
import { Lineage, type Origin } from "./lineage.ts";
import { castsOf, isPassedOn } from "./passed-on.ts";
import { readSomeAsText, typeOptions } from "./read-as-text.ts";
import { type Rewritten, rewrittenColumns, staysInCasts } from "./rewritten.ts";
import { shortened } from "./shortened.ts";
import { parseSql, printSql, queryOf, replaceNode, type SqlNode, walk } from "./sql-tree.ts";

/** A file of a query, with the types of its columns. */
interface Described {
  readonly scan: FileScan;
  readonly types: ReadonlyMap<string, string>;
  /** Columns of it by what the query calls them, in lower case. */
  readonly names: ReadonlyMap<string, string>;
}

/** Columns of a result that are to hold what stands in the files. */
export interface AsWritten {
  /** Refused where that cannot be. */
  readonly texts: readonly string[];
  /** Of `texts` those that have to be the very same: ids, users and queries. */
  readonly ids?: readonly string[];
  /** As they were read where that cannot be. */
  readonly fields?: readonly string[];
}

/** SQL that reads columns as they stand. */
export interface Read {
  readonly sql: string;
  /** Types of all columns of the result. */
  readonly types: ReadonlyMap<string, string>;
  /** What they would be without a look at what stands in the files. */
  readonly guesses: ReadonlyMap<string, string>;
}

/**
 * The user's SQL with the absolute names of its files, and so that columns of its result hold what stands in CSV or
 * JSON, whatever type the reader guesses: where the guess would change a value, the column is read as text.
 *
 * @throws UserError where it would change a value that the SQL computes a text of, for SQL that is wrong, for missing
 *   files
 */
export async function asWritten(
  database: Database,
  from: Source,
  { texts, ids = [], fields = [] }: AsWritten,
): Promise<Read> {
  const tree = await parseSql(database, from);
  const scans = await findScans(database, from.source, tree);
  // as it was asked, while the tree becomes what reads it
  const query = structuredClone(queryOf(tree));
  let sql = await printSql(database, tree);
  let types = await database.describe(from.source, sql);
  const guesses = types;
  const needed = new Set(texts.filter((column) => types.has(column)));
  const others = OTHER_POINT.test(sql) ? [] : fields;
  const present = [...needed, ...others.filter((name) => !needed.has(name) && mayBeRewritten(types.get(name)))];
  const files: Described[] = [];
  for (const scan of scans) files.push(await describeScan(database, from.source, scan));
  const lineage = new Lineage(tree, new Map(files.map(({ scan, names }) => [scan.node, [...names.keys()]])));
  const origins = new Map(present.map((column) => [column, lineage.of(queryOf(tree), column.toLowerCase())]));
  const words = wordsOf(tree, present);
  const free = new Set(types.keys());
  for (const file of files) {
    const { scan, names } = file;
    const into = (name: string): string[] =>
      present.filter((column) => origins.get(column)!.some((origin) => meets(origin, scan, name)));
    for (const [name, column] of scan.reader === "json" ? names : []) {
      if (!into(name).some((result) => ids.includes(result))) continue;
      const number = await respelledNumber(database, scan, column);
      if (number === undefined) continue;
      throw new UserError(
        `${from.source}: a number in column ${column} of ${scan.file} does not stay as it is: ` +
          `${number.written} becomes ${number.read}.\nWrite it as text there: ${JSON.stringify(column)}: "${number.written}"`,
      );
    }
    const used = [...names].filter(([name]) => into(name).length > 0).map(([, column]) => column);
    const asText: { one: Rewritten; isNeeded: boolean; results: string[] }[] = [];
    for (const one of await rewrittenColumns(database, from.source, scan, file.types, used, words)) {
      const name = [...names].find(([, column]) => column === one.name)![0];
      const results = into(name);
      const computed = results.filter((column) => !isPassedOn(query, name, column.toLowerCase()));
      const isNeeded = results.some((column) => needed.has(column));
      const neededToo = computed.filter((column) => needed.has(column));
      if (neededToo.length === 0 && (isNeeded || computed.length === 0))
        asText.push({ one, isNeeded, results: results.filter((column) => !computed.includes(column)) });
      const [lost] = one.inSql ? neededToo : [];
      if (lost === undefined) continue;
      if (!(await staysInCasts(database, scan, file.types, one, castsOf(query, name))))
        throw await refusal(database, from.source, file, one, lost);
    }
    // what is asked for in vain is left as it was, but for what is needed
    for (const columns of [asText, asText.filter(({ isNeeded }) => isNeeded)]) {
      if (columns.length === 0) break;
      const isLast = columns.every(({ isNeeded }) => isNeeded);
      const changed = new Set(columns.flatMap(({ results }) => results));
      const unchanged = [...free].filter((column) => !changed.has(column));
      const text = new Map(columns.map(({ one }) => [one.name, one.text]));
      const table = await readSomeAsText(database, scan, file.types, text);
      const was = { ...scan.node };
      if (table) replaceNode(scan.node, table);
      const after = table && (await describeTree(database, from.source, tree, isLast));
      const lost = after
        ? unchanged.find((column) => after.types.get(column) !== types.get(column))
        : columns[0]!.one.name;
      if (after && lost === undefined) {
        ({ sql, types } = after);
        for (const column of changed) free.delete(column);
        break;
      }
      if (isLast) throw await refusal(database, from.source, file, columns[0]!.one, lost!);
      replaceNode(scan.node, was);
    }
  }
  return { sql, types, guesses };
}

/** Of types of these kinds a reader may have changed what stands there: 007 is 7 to it, and twenty digits a DOUBLE. */
const REWRITTEN: readonly Kind[] = ["integer", "float", "boolean", "clock", "other"];
/** Options by which numbers stand in a file as we do not read them: the reader does. */
const OTHER_POINT = /\b(decimal_separator|thousands)\b/i;

const mayBeRewritten = (type: string | undefined): boolean =>
  type !== undefined && REWRITTEN.includes(columnType(type).kind);

/** The SQL of a tree and its types. @param must whether an error of DuckDB's is one of the user's */
async function describeTree(database: Database, source: string, tree: SqlNode, must: boolean) {
  const sql = await printSql(database, tree);
  const types = database.describe(source, sql);
  return { sql, types: await (must ? types : types.catch(() => new Map<string, string>())) };
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

/** Characters of a value or a type that are shown. */
const SHOWN = 60;

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
  const [before, after] = [written, read].map((value) => value && JSON.stringify(shortened(value, SHOWN)));
  const example =
    before === undefined
      ? "whether its values stay as they are cannot be seen"
      : `${before} ${after ? `becomes ${after}` : "does not stay as it is"}`;
  return new UserError(
    `${source}: DuckDB takes column ${name} of ${scan.file} for ${shortened(type, SHOWN)}: ${example}` +
      `${result === name ? "" : ` on its way into ${result}`}.\n` +
      `Read it as text: FROM read_${scan.reader}(${[literal(scan.file), ...options].join(", ")})`,
  );
}
