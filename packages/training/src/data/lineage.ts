import { isCondition, valueParts } from "./consumed.ts";
import { Scopes, tablesIn } from "./scopes.ts";
import { lower, nodesOf, type SqlNode } from "./sql-tree.ts";

/** A column of a file in some FROM of a query. */
export interface Origin {
  /** The node of the file in the tree. */
  readonly table: SqlNode;
  /** In lower case, as the query sees it; undefined for any column of the file. */
  readonly column: string | undefined;
}

/** A column by its name in lower case, or by its place in the list; undefined for all of them. */
type Pick = string | number | undefined;

/** What DuckDB knows without a table that has it. */
const BUILT_IN = new Set(
  (
    "rowid filename file_index file_row_number user session_user localtime localtimestamp current_catalog " +
    "current_database current_date current_role current_schema current_time current_timestamp current_user"
  ).split(" "),
);

/** The columns of files that go into a column of a query. */
export class Lineage {
  readonly #scopes: Scopes;
  readonly #files: ReadonlyMap<SqlNode, readonly string[]>;
  readonly #names = new Map<SqlNode, string[] | undefined>();

  /**
   * @param tree of the whole query
   * @param files the columns of each file, in lower case, as the query sees them
   */
  constructor(tree: SqlNode, files: ReadonlyMap<SqlNode, readonly string[]>) {
    this.#scopes = new Scopes(tree);
    this.#files = files;
  }

  /**
   * Where names leave it open, all that it may be; where a name meets nothing, all that there is. A column too many is
   * one that is checked in vain.
   *
   * @param column of the result of `query`, in lower case
   */
  of(query: SqlNode, column: string): Origin[] {
    const search = new Search(this.#scopes, this.#files, (node) => this.#namesOf(node));
    search.query(query, column);
    return search.found;
  }

  /** What a query calls its columns, in their order, each empty where DuckDB makes up a name; undefined if unknown. */
  #namesOf(node: SqlNode): string[] | undefined {
    if (!this.#names.has(node)) {
      this.#names.set(node, undefined); // for a query that reads itself
      this.#names.set(node, this.#files.get(node)?.slice() ?? this.#findNames(node));
    }
    return this.#names.get(node);
  }

  #findNames(node: SqlNode): string[] | undefined {
    if (node["type"] === "SELECT_NODE") return this.#listNames(node);
    if (node["type"] === "SET_OPERATION_NODE" || node["type"] === "RECURSIVE_CTE_NODE")
      return node["setop_type"] === "UNION_BY_NAME" ? undefined : this.#namesOf(partsOf(node)[0]!);
    const query = queryIn(node, this.#scopes);
    if (query === undefined) return undefined;
    const aliases = [node["column_name_alias"], this.#scopes.cteOf(node)?.aliases] as string[][];
    return this.#namesOf(query)?.map((name, i) => lower(aliases.find((list) => list?.[i])?.[i] ?? name));
  }

  #listNames(select: SqlNode): string[] | undefined {
    const lists = (select["select_list"] as SqlNode[]).map((item) => {
      if (!isOpen(item)) return [outputName(item)];
      return isPlainStar(item) && !item["relation_name"]
        ? (this.#scopes.levels(select)[0] ?? []).map((table) => this.#namesOf(table))
        : undefined;
    });
    const from = select["from_table"] as SqlNode;
    const merges = nodesOf(from, ({ type, using_columns, ref_type }) =>
      Boolean(type === "JOIN" && ((using_columns as [])?.length > 0 || !/^(REGULAR|CROSS)$/.test(String(ref_type)))),
    );
    const names = lists.flat(2);
    return names.includes(undefined) || (merges.length > 0 && lists.length < names.length)
      ? undefined
      : (names as string[]);
  }
}

/** One walk from a column to all that goes into it, each step once: a query may be a thousand ways to one column. */
class Search {
  readonly found: Origin[] = [];
  readonly #seen = new Map<SqlNode, Set<Pick>>();
  readonly #scopes: Scopes;
  readonly #files: ReadonlyMap<SqlNode, readonly string[]>;
  readonly #namesOf: (node: SqlNode) => string[] | undefined;

  constructor(
    scopes: Scopes,
    files: ReadonlyMap<SqlNode, readonly string[]>,
    namesOf: (node: SqlNode) => string[] | undefined,
  ) {
    this.#scopes = scopes;
    this.#files = files;
    this.#namesOf = namesOf;
  }

  query(query: SqlNode, pick: Pick): void {
    const node = (query["node"] ?? query) as SqlNode;
    if (this.#isSeen(node, pick)) return;
    if (node["type"] === "SELECT_NODE") this.#select(node, pick);
    else this.#parts(node, pick);
  }

  #isSeen(node: SqlNode, pick: Pick): boolean {
    const picks = this.#seen.get(node) ?? new Set();
    this.#seen.set(node, picks);
    if (picks.has(pick)) return true;
    picks.add(pick);
    return false;
  }

  /** UNION and the like: by place, but for UNION BY NAME. */
  #parts(node: SqlNode, pick: Pick): void {
    const parts = partsOf(node);
    const at = typeof pick === "string" ? (this.#namesOf(node)?.indexOf(pick) ?? -1) : -1;
    const place = typeof pick === "number" ? pick : at >= 0 ? at : undefined;
    for (const part of parts) this.query(part, node["setop_type"] === "UNION_BY_NAME" ? pick : place);
    if (parts.length === 0) this.#within(node, node);
  }

  #select(select: SqlNode, pick: Pick): void {
    const list = select["select_list"] as SqlNode[];
    if (typeof pick === "number") {
      const name = this.#namesOf(select)?.[pick];
      if (list.every((item) => !isOpen(item)) && list[pick]) this.#within(list[pick], select, list[pick]);
      else this.query(select, name || undefined);
      return;
    }
    // of two columns of one name the first counts
    for (const item of pick === undefined ? [] : list) {
      const star = starOf(item);
      if (star) {
        if (this.#star(star, select, pick)) return;
      } else if (isOpen(item) || outputName(item) === pick) {
        this.#within(item, select, item);
        if (outputName(item) === pick) return;
      }
    }
    for (const item of list)
      if (isPlainStar(item)) this.#star(item, select, undefined);
      else this.#within(item, select, item);
  }

  /** Whether the star surely gives the column. */
  #star(star: SqlNode, select: SqlNode, pick: string | undefined): boolean {
    const relation = lower(star["relation_name"] ?? "");
    const [own = []] = this.#scopes.levels(select);
    const tables = own.filter((table) => relation === "" || tableName(table) === relation);
    const replaced = (star["replace_list"] ?? []) as { key: string; value: SqlNode }[];
    const replacement = replaced.find(({ key }) => lower(key) === pick);
    if (replacement) {
      this.#within(replacement.value, select, star);
      return true;
    }
    // a struct whose members become columns
    if (tables.length === 0 && relation !== "") this.#reference([relation], select, star);
    if (pick === undefined) {
      for (const { value } of replaced) this.#within(value, select, star);
      for (const table of tables) this.#table(table, undefined);
      return false;
    }
    const excluded = JSON.stringify([star["exclude_list"], star["qualified_exclude_list"]]).toLowerCase();
    if (excluded.includes(JSON.stringify(pick))) return false;
    const renamed = (star["rename_list"] ?? []) as { key: SqlNode; value: string }[];
    const was = renamed.find(({ value }) => lower(value) === pick)?.key["column"];
    const names = [pick, ...(was === undefined ? [] : [lower(was)])];
    return names.map((name) => this.#named(tables, name, true)).includes("sure");
  }

  /** The tables that have a column, or those that may. @param isStar whether tables before one that has it may, too */
  #named(tables: readonly SqlNode[], column: string, isStar = false): "sure" | "perhaps" | "no" {
    const having = tables.map((table) => this.#has(table, column));
    const sure = having.indexOf(true);
    tables.forEach((table, i) => {
      if (having[i] ?? (sure < 0 || (isStar && i < sure))) this.#table(table, column);
    });
    return sure >= 0 ? "sure" : having.includes(undefined) ? "perhaps" : "no";
  }

  #has(table: SqlNode, column: string): boolean | undefined {
    if (table["type"] === "EMPTY") return false;
    const names = this.#namesOf(table);
    return names?.includes(column) ? true : names?.every((name) => name !== "") ? false : undefined;
  }

  /**
   * All columns whose values go into some part of a SELECT as they are, not as what is computed of them.
   *
   * @param item of its list that the part is in
   * @param around whether a function around it computes
   */
  #within(part: unknown, select: SqlNode, item?: SqlNode, around = false): void {
    if (typeof part !== "object" || part === null) return;
    const node = part as SqlNode;
    if (isCondition(node)) return;
    const { parts, isComputed } = valueParts(node, around);
    if (node["type"] === "SELECT_NODE" && node !== select) this.query(node, undefined);
    else if (isComputed && /^(COLUMN_REF|POSITIONAL_REFERENCE|STAR)$/.test(String(node["type"]))) return;
    else if (node["type"] === "COLUMN_REF")
      this.#reference((node["column_names"] as string[]).map(lower), select, item);
    else if (node["type"] === "POSITIONAL_REFERENCE") this.#place(Number(node["index"]) - 1, select);
    else if (node["type"] === "STAR") this.#star(node, select, undefined);
    else if (node["type"] === "TABLE_FUNCTION")
      // the names of its options are no columns
      for (const one of (node["function"] as SqlNode)["children"] as SqlNode[])
        this.#within(one["type"] === "COMPARE_EQUAL" ? one["right"] : one, select);
    else for (const one of parts) this.#within(one, select, item, isComputed);
  }

  /** A column of the tables of a SELECT by its place among all of them. */
  #place(place: number, select: SqlNode): void {
    const [tables = []] = this.#scopes.levels(select);
    const columns = tables.map((table) => this.#namesOf(table)?.map((name) => ({ table, name })));
    const found = columns.includes(undefined) ? undefined : columns.flat()[place];
    if (found?.name) this.#table(found.table, found.name);
    else this.#any([tables]);
  }

  #reference([first, second, third]: readonly string[], select: SqlNode, item: SqlNode | undefined): void {
    const levels = this.#scopes.levels(select);
    const all = levels.flat();
    for (const [table, column] of [
      [first, second],
      [second, third],
    ] as const) {
      const meant = column === undefined ? [] : all.filter((one) => tableName(one) === table);
      for (const one of meant) this.#table(one, column);
      // a struct may be called as a table is
      if (meant.length > 0) for (const one of all) if (this.#has(one, table!)) this.#table(one, table);
      if (meant.length > 0) return;
    }
    let met = false;
    for (const level of levels) {
      const found = this.#named(level, first!);
      if (found === "sure") return;
      // a row as a whole
      const rows = level.filter((table) => tableName(table) === first);
      for (const table of rows) this.#table(table, undefined);
      met ||= found !== "no" || rows.length > 0;
    }
    const list = select["select_list"] as SqlNode[];
    const beside = list.filter((other) => other !== item && other["alias"] && outputName(other) === first);
    for (const other of beside) if (!this.#isSeen(other, first)) this.#within(other, select, other);
    if (met || beside.length > 0 || BUILT_IN.has(first!)) return;
    const lambdas = nodesOf(item ?? select, ({ type }) => type === "LAMBDA");
    const parameters = lambdas.flatMap(({ lhs }) => nodesOf(lhs, ({ column_names }) => Boolean(column_names)));
    if (!parameters.some(({ column_names }) => lower((column_names as string[])[0]) === first)) this.#any(levels);
  }

  #any(levels: readonly (readonly SqlNode[])[]): void {
    for (const table of levels.flat()) this.#table(table, undefined);
  }

  #table(table: SqlNode, pick: Pick): void {
    if (this.#isSeen(table, pick)) return;
    if (this.#files.has(table)) {
      this.found.push({ table, column: pick as string | undefined });
      return;
    }
    const query = queryIn(table, this.#scopes);
    const owner = this.#scopes.ownerOf(table);
    // what PIVOT and the like make of columns may come from any
    if (table["source"]) this.#any([tablesIn(table["source"] as SqlNode)]);
    else if (query) {
      const at = typeof pick === "string" ? (this.#namesOf(table)?.indexOf(pick) ?? -1) : -1;
      const aliases = [table["column_name_alias"], this.#scopes.cteOf(table)?.aliases] as string[][];
      const isRenamed = aliases.some((names) => names?.length > 0);
      this.query(query, isRenamed && typeof pick === "string" ? (at >= 0 ? at : undefined) : pick);
    } else if (table["type"] !== "BASE_TABLE" && owner) this.#within(table, owner);
  }
}

/** What the result calls a column, in lower case; empty for an expression without a name. */
export function outputName(item: SqlNode): string {
  if (item["alias"]) return lower(item["alias"]);
  return item["type"] === "COLUMN_REF" ? lower((item["column_names"] as string[]).at(-1)) : "";
}

const tableName = (table: SqlNode): string => lower(table["alias"] || table["table_name"] || callName(table));
const callName = (table: SqlNode): unknown => (table["function"] as SqlNode | undefined)?.["function_name"] ?? "";

/** The query that a table is, by the name of a WITH or in brackets. */
function queryIn(table: SqlNode, scopes: Scopes): SqlNode | undefined {
  const subquery = table["subquery"] as SqlNode | undefined;
  return scopes.cteOf(table)?.query ?? (subquery?.["node"] as SqlNode | undefined);
}

const partsOf = (node: SqlNode): SqlNode[] =>
  ["left", "right", "query", "child", "children"].flatMap((key) => node[key] ?? []) as SqlNode[];

/** `*` or `x.*`, but for a choice of columns by their names. */
const isPlainStar = ({ type, columns, expr }: SqlNode): boolean => type === "STAR" && !columns && !expr;

/** The star of an item whose columns keep their names: *, COLUMNS('id|title'), a cast of it, or * LIKE 'i%'. */
function starOf(item: SqlNode): SqlNode | undefined {
  const { type, child, children, function_name, alias } = item;
  if (type === "STAR") return alias ? undefined : item;
  if (type === "OPERATOR_CAST") return starOf(child as SqlNode);
  const isChoice = /^(!?~~\*?|regexp_full_match|(not_)?i?like_escape)$/.test(lower(function_name ?? ""));
  return isChoice ? starOf((children as SqlNode[])[0]!) : undefined;
}

/** Whether an expression may become several columns, under names of their own. */
function isOpen(node: unknown): boolean {
  if (typeof node !== "object" || node === null) return false;
  const { type, function_name } = node as SqlNode;
  if (type === "SELECT_NODE") return false;
  return type === "STAR" || lower(function_name) === "unnest" || Object.values(node).some(isOpen);
}
