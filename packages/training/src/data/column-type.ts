/**
 * How values of a type of DuckDB's are read. clock: dates and timestamps. other: what else has a text of its own, such
 * as TIME, UUID and INTERVAL. opaque: what has none, such as STRUCT and BLOB.
 */
export type Kind = "integer" | "decimal" | "float" | "boolean" | "clock" | "text" | "json" | "other" | "opaque";

export interface ColumnType {
  /** In DuckDB's words. */
  readonly name: string;
  /** The same of a value, in a list of each element. */
  readonly element: string;
  readonly kind: Kind;
  /** How deep lists are nested: 0 for a single value. */
  readonly depth: number;
}

const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BIGNUM)$/, "integer"],
  [/^DECIMAL\(/, "decimal"],
  [/^(FLOAT|DOUBLE)$/, "float"],
  [/^BOOLEAN$/, "boolean"],
  [/^(DATE$|TIMESTAMP)/, "clock"],
  [/^(VARCHAR$|ENUM\()/, "text"],
  [/^JSON$/, "json"],
  [/^(TIME|UUID$|INTERVAL$|BIT$)/, "other"],
];

/** @param name a type as DuckDB describes it, such as `DECIMAL(5,2)[]` */
export function columnType(name: string): ColumnType {
  const lists = /(\[\d*\])*$/.exec(name)![0];
  const element = name.slice(0, name.length - lists.length);
  const kind = KINDS.find(([pattern]) => pattern.test(element))?.[1] ?? "opaque";
  return { name, element, kind, depth: lists.split("[").length - 1 };
}
