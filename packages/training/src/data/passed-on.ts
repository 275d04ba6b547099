import { outputName } from "./lineage.ts";
import { lower, nodesOf, type SqlNode } from "./sql-tree.ts";

/**
 * Whether a query does nothing with a column of a file but pass it on, perhaps under another name: then its type can
 * change and nothing else does. Where names leave that open, it does not.
 *
 * @param column in the file, `result` in the result; in lower case
 */
export function isPassedOn(query: SqlNode, column: string, result: string): boolean {
  const items = itemsOf(query);
  const passing = new Set([...items, ...items.map(referenceOf)].filter((node) => node !== undefined));
  const names = namesOf(items, column);
  const isUse = (node: SqlNode): boolean => {
    if (passing.has(node) && node["type"] !== "POSITIONAL_REFERENCE") return false;
    const { type, column_names, using_columns, ref_type } = node;
    const isNamed = (list: unknown) => (list as string[]).some((name) => names.has(lower(name)));
    if (type === "COLUMN_REF") return isNamed(column_names);
    if (type === "JOIN") return ref_type === "NATURAL" || isNamed(using_columns);
    return type === "STAR" || type === "PIVOT" || type === "POSITIONAL_REFERENCE";
  };
  return names.has(result) && nodesOf(query, isUse).length === 0;
}

/** Where values go that do not come out. */
const CONDITIONS = ["where_clause", "having", "qualify", "group_expressions", "modifiers", "condition"];

/**
 * The casts that are all that a query makes of a column of a file, conditions aside; undefined where it makes anything
 * else of it.
 *
 * @param column in the file, in lower case
 */
export function castsOf(query: SqlNode, column: string): SqlNode[] | undefined {
  const names = namesOf(itemsOf(query), column);
  const casts = new Set<SqlNode>();
  const isCastOnly = (node: unknown, parent: SqlNode | undefined): boolean => {
    if (typeof node !== "object" || node === null) return true;
    const { type, column_names } = node as SqlNode;
    if (type === "STAR" || type === "PIVOT" || type === "POSITIONAL_REFERENCE") return false;
    if (type === "COLUMN_REF" && (column_names as string[]).some((name) => names.has(lower(name)))) {
      if (parent?.["type"] !== "OPERATOR_CAST") return false;
      casts.add(parent);
    }
    return Object.entries(node).every(
      ([key, one]) => CONDITIONS.includes(key) || isCastOnly(one, Array.isArray(node) ? parent : (node as SqlNode)),
    );
  };
  return isCastOnly(query, undefined) ? [...casts] : undefined;
}

/** The lists of all SELECTs in a query. */
const itemsOf = (query: SqlNode): SqlNode[] =>
  nodesOf(query, ({ type }) => type === "SELECT_NODE").flatMap((select) => select["select_list"] as SqlNode[]);

/** What the column is called by the queries it goes through. */
function namesOf(items: readonly SqlNode[], column: string): ReadonlySet<string> {
  const names = new Set([column]);
  const renames = items.flatMap((item) => {
    const inStar = (item["rename_list"] ?? []) as { key: SqlNode; value: string }[];
    const reference = referenceOf(item)?.["column_names"] as string[] | undefined;
    return [
      ...inStar.map(({ key, value }) => ({ from: lower(key["column"]), to: lower(value) })),
      ...(reference ? [{ from: lower(reference.at(-1)), to: outputName(item) }] : []),
    ];
  });
  for (let size = 0; size !== names.size; ) {
    size = names.size;
    for (const { from, to } of renames) if (names.has(from)) names.add(to);
  }
  return names;
}

/** The column that `id AS sku` or `id::VARCHAR AS sku` is; undefined for what computes. */
function referenceOf(item: SqlNode): SqlNode | undefined {
  const { type, child, cast_type } = item;
  const node = type === "OPERATOR_CAST" && (cast_type as SqlNode)["id"] === "VARCHAR" ? (child as SqlNode) : item;
  return node["type"] === "COLUMN_REF" ? node : undefined;
}
