import { UserError } from "@poeem/offline/errors";
import { type Database, literal, type Source } from "./duckdb.ts";

/** A node of DuckDB's own tree of a SELECT, as json_serialize_sql writes it. */
export type SqlNode = { [key: string]: unknown };

// JSON.parse rounds long integers, and JSON.stringify writes 1e20 and 7.0 as integers: they travel as strings after a
// character that SQL cannot hold
const NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
const isSafe = (token: string): boolean => token.startsWith('"') || /^-?\d{1,15}$/.test(token);
const MARKED_NUMBER = /"\\u0000([^"]+)"/g;

/**
 * The tree of a query of the user's, called `source` in errors.
 * @throws UserError for SQL that is wrong, several statements, and PIVOT without IN, for which DuckDB has no tree
 */
export async function parseSql(database: Database, { source, sql }: Source): Promise<SqlNode> {
  const [row] = await database.rows(`SELECT json_serialize_sql(${literal(sql)})::VARCHAR AS tree`);
  const marked = (row!["tree"] as string)
    .replaceAll(/"query_location":\d+/g, '"query_location":0')
    .replaceAll(NUMBER, (token) => (isSafe(token) ? token : `"\\u0000${token}"`));
  const tree = JSON.parse(marked) as Parsed;
  if (tree.error_type === "not implemented") {
    throw new UserError(`${source}: expected a SELECT, in which a PIVOT names its values: ON column IN (…)`);
  }
  if (tree.error) throw new UserError(`${source}: ${tree.error_message}`);
  const count = tree.statements.length;
  if (count !== 1) throw new UserError(`${source}: expected one SELECT, got ${count} statements`);
  return tree as unknown as SqlNode;
}

interface Parsed {
  readonly error: boolean;
  readonly error_type?: string;
  readonly error_message?: string;
  readonly statements: readonly SqlNode[];
}

/** The SQL of a tree. */
export async function printSql(database: Database, tree: SqlNode): Promise<string> {
  const json = JSON.stringify(tree).replaceAll(MARKED_NUMBER, "$1");
  const [row] = await database.rows(`SELECT json_deserialize_sql(${literal(json)}::JSON) AS sql`);
  return row!["sql"] as string;
}

/** The SELECT, UNION or the like that a tree consists of. */
export const queryOf = (tree: SqlNode): SqlNode => (tree["statements"] as SqlNode[])[0]!["node"] as SqlNode;

/** Calls `visit` for a node and all below it, the outer ones first. */
export function walk(node: unknown, visit: (node: SqlNode) => void): void {
  if (Array.isArray(node)) {
    for (const one of node) walk(one, visit);
  } else if (typeof node === "object" && node !== null) {
    visit(node as SqlNode);
    for (const one of Object.values(node)) walk(one, visit);
  }
}

/** All nodes of a tree that pass a test. */
export function nodesOf(root: unknown, test: (node: SqlNode) => boolean): SqlNode[] {
  const found: SqlNode[] = [];
  walk(root, (node) => {
    if (test(node)) found.push(node);
  });
  return found;
}

/** A name as DuckDB compares it. */
export const lower = (name: unknown): string => String(name).toLowerCase();

/** Makes another of a node, in its place. */
export function replaceNode(node: SqlNode, by: SqlNode): void {
  for (const key of Object.keys(node)) delete node[key];
  Object.assign(node, by);
}
