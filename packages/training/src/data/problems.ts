import { UserError } from "@poeem/offline/errors";
import type { Database } from "./duckdb.ts";
import type { Example, Finding } from "./types.ts";

/** Rows that are shown of a problem. */
export const EXAMPLES = 3;

/** Something wrong with rows of the items or the events. */
export interface Problem extends Finding {
  /** What is wrong, as in "3 rows with …". */
  readonly what: string;
}

/** How many rows there are, and the first few. @param from what follows FROM; of a column `value` */
export async function findRows(database: Database, from: string, value: string): Promise<Finding> {
  const [counted] = await database.rows(`SELECT count(*)::DOUBLE AS count FROM ${from}`);
  const count = Number(counted!["count"]);
  if (count === 0) return { count, examples: [] };
  const rows = await database.rows(
    `SELECT rowid + 1 AS row, ${value}::VARCHAR AS value FROM ${from} ORDER BY rowid LIMIT ${EXAMPLES}`,
  );
  return { count, examples: rows.map(({ row, value }) => ({ row: Number(row), value: value as string | null })) };
}

/** Throws one `UserError` for all problems of the rows of `source`, such as "data.items"; none is fine. */
export function refuse(source: string, problems: readonly Problem[]): void {
  const found = problems.filter(({ count }) => count > 0);
  if (found.length === 0) return;
  const each = found.map(
    ({ what, count, examples }) =>
      `${count} ${count === 1 ? "row" : "rows"} with ${what} ` +
      `(${examples.map(showExample).join(", ")}${count > examples.length ? ", …" : ""})`,
  );
  throw new UserError(`${source}: ${each.join("; ")}`);
}

/** As in `row 7: "x"`, or `data.test row 7: "x"`. */
export function showExample({ source, row, value }: Example): string {
  return `${source === undefined ? "" : `${source} `}row ${row}: ${JSON.stringify(value)}`;
}

/** Throws a `UserError` that names every wanted column that is not there. */
export function requireColumns(source: string, present: readonly string[], wanted: readonly string[]): void {
  const missing = wanted.filter((column) => !present.includes(column));
  if (missing.length > 0) {
    throw new UserError(
      `${source}: expected column${missing.length > 1 ? "s" : ""} ${missing.join(", ")}; got ${present.join(", ")}`,
    );
  }
}
