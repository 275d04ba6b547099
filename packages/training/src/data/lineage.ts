import { nodesOf, type SqlNode } from "./sql-tree.ts";

/** A column of a table in some FROM of a query. */
export interface Origin {
  /** The node of the table in the tree. */
  readonly table: SqlNode;
  /** In lower case, as the query sees it; undefined for any column of the table. */
  readonly column: string | undefined;
}

/** A column by its name in lower case, or by its place in the list; undefined for all of them. */
type Pick = string | number | undefined;

/**
 * Which columns of tables a column of a query may come from. Where names leave that open, all that it may be: a column
 * too many here is one that is checked in vain.
 */
export class Lineage {
  readonly #ctes: ReadonlyMap<string, SqlNode>;
  readonly #busy = new Set<SqlNode>();

  /** @param tree of the whole query */
  constructor(tree: SqlNode) {
    this.#ctes = new Map(ctesOf(tree).map(({ key, value }) => [lower(key), value as SqlNode]));
  }

  /** @param column of the result of `query`, in lower case */
  of(query: SqlNode, column: Pick): Origin[] {
    const node = (query["node"] ?? query) as SqlNode;
    if (this.#busy.has(node)) return []; // a recursive query
    this.#busy.add(node);
    const found = node["type"] === "SELECT_NODE" ? this.#select(node, column) : this.#parts(node, column);
    this.#busy.delete(node);
    return found;
  }

  /** UNION and the like. */
  #parts(node: SqlNode, column: Pick): Origin[] {
    const all = ["left", "right", "query", "child", "children"].flatMap((key) => node[key] ?? []) as SqlNode[];
    const [first, ...others] = all;
    if (first === undefined) return [];
    const names = plainList(first)?.map(outputName);
    const at = typeof column === "string" && names !== undefined ? names.indexOf(column) : -1;
    const pick = node["setop_type"] === "UNION_BY_NAME" ? column : at >= 0 ? at : undefined;
    const sameNames = (part: SqlNode) => plainList(part) === undefined || hasName(part, column);
    return [
      ...this.of(first, column),
      ...others.flatMap((part) => this.of(part, pick ?? (sameNames(part) ? column : undefined))),
    ];
  }

  #select(node: SqlNode, column: Pick): Origin[] {
    const list = node["select_list"] as SqlNode[];
    const tables = this.#tables(node["from_table"] as SqlNode);
    if (typeof column === "number") {
      const item = plainList(node)?.[column];
      return item ? this.#expression(item, tables, list) : this.#select(node, undefined);
    }
    const named = list.filter((item) => column !== undefined && outputName(item) === column);
    if (named.length > 0) return named.flatMap((item) => this.#expression(item, tables, list));
    const stars = list.filter(isStar);
    // a name that nothing here bears is that of a star, or one that DuckDB made up for an expression
    if (column !== undefined && stars.length > 0) return stars.flatMap((star) => this.#star(star, tables, column));
    return list.flatMap((item) =>
      isStar(item) ? this.#star(item, tables, undefined) : this.#expression(item, tables, list),
    );
  }

  #star(star: SqlNode, tables: readonly SqlNode[], column: string | undefined): Origin[] {
    const replaced = (star["replace_list"] ?? []) as { key: string; value: SqlNode }[];
    const renamed = (star["rename_list"] ?? []) as { key: SqlNode; value: string }[];
    const replacement = replaced.find(({ key }) => lower(key) === column);
    if (replacement) return this.#expression(replacement.value, tables, []);
    const was = renamed.find(({ value }) => lower(value) === column)?.key["column"];
    return this.#named(tables, lower(star["relation_name"]), was === undefined ? column : lower(was));
  }

  /** All columns that an expression names, of the tables or of another column beside it. */
  #expression(expression: SqlNode, tables: readonly SqlNode[], beside: readonly SqlNode[]): Origin[] {
    const inner = nodesOf(expression, ({ type }) => type === "SELECT_NODE");
    const all = [...tables, ...inner.flatMap((node) => this.#tables(node["from_table"] as SqlNode))];
    const stars = nodesOf(expression, isStar).flatMap((star) => this.#star(star, all, undefined));
    const references = nodesOf(expression, ({ type }) => type === "COLUMN_REF");
    const found = references.flatMap((reference) => {
      const [first, second] = (reference["column_names"] as string[]).map(lower);
      const alias = beside.find((item) => item !== expression && item["alias"] && outputName(item) === first);
      return [
        ...(second === undefined || !all.some((table) => tableName(table) === first)
          ? this.#named(all, "", first)
          : this.#named(all, first!, second)),
        ...(alias ? this.#expression(alias, tables, []) : []),
      ];
    });
    return [...stars, ...found];
  }

  #named(tables: readonly SqlNode[], qualifier: string, column: string | undefined): Origin[] {
    const meant = tables.filter((table) => qualifier === "" || tableName(table) === qualifier);
    return meant.flatMap((table): Origin[] => {
      // what PIVOT and the like make of columns may come from any
      if (table["source"]) return this.#named(this.#tables(table["source"] as SqlNode), "", undefined);
      // the row as a whole
      const wanted = tableName(table) === column ? undefined : column;
      const cte = table["type"] === "BASE_TABLE" ? this.#ctes.get(lower(table["table_name"])) : undefined;
      const query = (cte?.["query"] ?? table["subquery"]) as SqlNode | undefined;
      if (query === undefined) return [{ table, column: wanted }];
      const renamed = [cte?.["aliases"], table["column_name_alias"]].some((names) => (names as [])?.length > 0);
      return this.of(query, renamed ? undefined : wanted);
    });
  }

  #tables(from: SqlNode | null | undefined): SqlNode[] {
    if (!from) return [];
    return from["type"] === "JOIN" ? ["left", "right"].flatMap((side) => this.#tables(from[side] as SqlNode)) : [from];
  }
}

/** The queries that a WITH names, at any level. */
export const ctesOf = (tree: SqlNode): SqlNode[] =>
  nodesOf(tree, ({ key, value }) => typeof key === "string" && "query" in ((value ?? {}) as object));

/** What the result calls a column, in lower case; empty for an expression without a name. */
export function outputName(item: SqlNode): string {
  if (item["alias"]) return lower(item["alias"]);
  return item["type"] === "COLUMN_REF" ? lower((item["column_names"] as string[]).at(-1)) : "";
}

const lower = (name: unknown): string => String(name).toLowerCase();
const isStar = ({ type }: SqlNode): boolean => type === "STAR";
const tableName = (table: SqlNode): string => lower(table["alias"] || table["table_name"]);

/** The columns of a SELECT when they are counted: without a star. */
function plainList(query: SqlNode): SqlNode[] | undefined {
  const list = ((query["node"] ?? query) as SqlNode)["select_list"] as SqlNode[] | undefined;
  return list?.some((item) => nodesOf(item, isStar).length > 0) ? undefined : list;
}

function hasName(query: SqlNode, column: Pick): boolean {
  return plainList(query)?.some((item) => outputName(item) === column) ?? false;
}
