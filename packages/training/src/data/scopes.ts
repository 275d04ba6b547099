import { lower, type SqlNode } from "./sql-tree.ts";

/** The query that a WITH names. */
export interface Cte {
  readonly query: SqlNode;
  /** Names for its first columns. */
  readonly aliases: readonly string[];
}

type Named = ReadonlyMap<string, Cte>;
type Levels = readonly (readonly SqlNode[])[];

/** What names mean at each place of a query. */
export class Scopes {
  readonly #ctes = new Map<SqlNode, Cte>();
  readonly #levels = new Map<SqlNode, Levels>();
  readonly #owners = new Map<SqlNode, SqlNode>();

  /** @param tree of the whole query */
  constructor(tree: SqlNode) {
    this.#visit(tree, new Map(), [], undefined);
  }

  /** The query of a WITH that a table is; undefined for all others. */
  cteOf(table: SqlNode): Cte | undefined {
    return this.#ctes.get(table);
  }

  /** The tables that a SELECT sees: those of its own FROM, then those of each SELECT around it, from inside. */
  levels(select: SqlNode): Levels {
    return this.#levels.get(select) ?? [];
  }

  /** The SELECT in whose FROM a table is. */
  ownerOf(table: SqlNode): SqlNode | undefined {
    return this.#owners.get(table);
  }

  #visit(node: unknown, named: Named, levels: Levels, owner: SqlNode | undefined): void {
    if (Array.isArray(node)) {
      for (const one of node) this.#visit(one, named, levels, owner);
      return;
    }
    if (typeof node !== "object" || node === null) return;
    const { cte_map, ...others } = node as SqlNode;
    const inner = cte_map ? this.#with(cte_map as SqlNode, named, levels) : named;
    if (others["type"] === "SELECT_NODE") {
      const tables = tablesIn(others["from_table"] as SqlNode | null);
      const seen = [tables, ...levels];
      this.#levels.set(node as SqlNode, seen);
      this.#visit(Object.values(others), inner, seen, node as SqlNode);
      return;
    }
    if (owner) this.#owners.set(node as SqlNode, owner);
    const cte = others["schema_name"] ? undefined : inner.get(lower(others["table_name"]));
    if (others["type"] === "BASE_TABLE" && cte) this.#ctes.set(node as SqlNode, cte);
    this.#visit(Object.values(others), inner, levels, owner);
  }

  /** A query of a WITH sees those before it, and a recursive one itself. */
  #with(map: SqlNode, around: Named, levels: Levels): Named {
    const named = new Map(around);
    for (const { key, value } of (map["map"] ?? []) as { key: string; value: SqlNode }[]) {
      const query = (value["query"] as SqlNode)["node"] as SqlNode;
      const cte = { query, aliases: (value["aliases"] ?? []) as string[] };
      const isRecursive = query["type"] === "RECURSIVE_CTE_NODE";
      this.#visit(value, isRecursive ? new Map([...named, [lower(key), cte]]) : named, levels, undefined);
      named.set(lower(key), cte);
    }
    return named;
  }
}

/** The tables of a FROM, joined or not. */
export function tablesIn(from: SqlNode | null | undefined): SqlNode[] {
  if (!from) return [];
  return from["type"] === "JOIN" ? ["left", "right"].flatMap((side) => tablesIn(from[side] as SqlNode)) : [from];
}
