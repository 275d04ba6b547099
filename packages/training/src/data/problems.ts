import { UserError } from "@poeem/offline/errors";
import type { Database } from "./duckdb.ts";
import { shortened } from "./shortened.ts";
import type { Example, Finding } from "./types.ts";

/** Rows that are shown of a problem. */
export const EXAMPLES = 3;
/** Characters of a value that are shown. */
const SHOWN = 100;

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

/** Collects the rows with one problem: how many, and the first few of them in the order of the rows. */
export class ProblemRows {
  readonly #what: string;
  readonly #rows: Example[] = [];
  #count = 0;

  constructor(what: string) {
    this.#what = what;
  }

  /** @param index number of the row from 0 */
  add(index: number, value: string): void {
    this.#count++;
    if (this.#rows.length === EXAMPLES && index + 1 > this.#rows.at(-1)!.row) return;
    this.#rows.push({ row: index + 1, value });
    this.#rows.sort((a, b) => a.row - b.row).splice(EXAMPLES);
  }

  problem(): Problem {
    return { what: this.#what, count: this.#count, examples: this.#rows };
  }
}

/**
 * Throws one `UserError` for all problems of the rows of `source`, such as "data.items"; none is fine.
 * @param hint what else helps
 */
export function refuse(source: string, problems: readonly Problem[], hint?: string): void {
  const found = problems.filter(({ count }) => count > 0);
  if (found.length === 0) return;
  const each = found.map(
    ({ what, count, examples }) =>
      `${count} ${count === 1 ? "row" : "rows"} with ${what} ` +
      `(${examples.map(showExample).join(", ")}${count > examples.length ? ", …" : ""})`,
  );
  throw new UserError(`${source}: ${[...each, ...(hint === undefined ? [] : [hint])].join("; ")}`);
}

/** As in `row 7: "x"`, or `data.test row 7: "x"`. */
export function showExample({ source, row, value, like }: Example): string {
  const shown = value && shortened(value, SHOWN);
  const other = like ? `, like ${showExample(like)}` : "";
  return `${source === undefined ? "" : `${source} `}row ${row}: ${JSON.stringify(shown)}${other}`;
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
