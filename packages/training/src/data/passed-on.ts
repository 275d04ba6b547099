import { outputName } from "./lineage.ts";
import { nodesOf, type SqlNode } from "./sql-tree.ts";

/**
 * Whether a query does nothing with a column of a file but pass it on, perhaps under another name: then its type can
 * change and nothing else does. Where names leave that open, it does not.
 *
 * @param column in the file, `result` in the result; in lower case
 */
export function isPassedOn(query: SqlNode, column: string, result: string): boolean {
  const selects = nodesOf(query, ({ type }) => type === "SELECT_NODE");
  const items = new Set(selects.flatMap((select) => select["select_list"] as SqlNode[]).map(withoutCast));
  const names = namesOf([...items], column);
  if (!names.has(result)) return false;
  const isUse = (node: SqlNode): boolean => {
    if (items.has(node)) return false;
    const { type, column_names, using_columns, ref_type } = node;
    if (type === "COLUMN_REF") return (column_names as string[]).some((name) => names.has(name.toLowerCase()));
    if (type === "JOIN")
      return ref_type === "NATURAL" || (using_columns as string[]).some((name) => names.has(lower(name)));
    return type === "STAR" || type === "PIVOT";
  };
  return nodesOf(query, isUse).length === 0;
}

/** What the column is called by the queries it goes through. */
function namesOf(items: readonly SqlNode[], column: string): ReadonlySet<string> {
  const names = new Set([column]);
  for (let size = 0; size !== names.size; ) {
    size = names.size;
    for (const item of items) {
      if (item["type"] === "COLUMN_REF" && names.has(lower((item["column_names"] as string[]).at(-1)))) {
        names.add(outputName(item));
      }
      for (const { key, value } of (item["rename_list"] ?? []) as { key: SqlNode; value: string }[]) {
        if (names.has(lower(key["column"]))) names.add(lower(value));
      }
    }
  }
  return names;
}

/** `id::VARCHAR AS id` as `id AS id`. */
function withoutCast(item: SqlNode): SqlNode {
  const { type, alias, child, cast_type } = item;
  if (type !== "OPERATOR_CAST" || (cast_type as SqlNode)["id"] !== "VARCHAR") return item;
  const inner = child as SqlNode;
  inner["alias"] ||= alias;
  return inner;
}

const lower = (name: unknown): string => String(name).toLowerCase();
