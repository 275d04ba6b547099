import { UserError } from "@poeem/offline/errors";
import type { Example, Finding } from "./types.ts";

/** Something wrong with rows of the items or the events. */
export interface Problem extends Finding {
  /** What is wrong, as in "3 rows with …". */
  readonly what: string;
}

/** Throws one `UserError` for all problems of the rows of `source`, such as "data.items"; none is fine. */
export function refuse(source: string, problems: readonly Problem[]): void {
  if (problems.length === 0) return;
  const each = problems.map(
    ({ what, count, examples }) =>
      `${count} ${count === 1 ? "row" : "rows"} with ${what} ` +
      `(${examples.map(showExample).join(", ")}${count > examples.length ? ", …" : ""})`,
  );
  throw new UserError(`${source}: ${each.join("; ")}`);
}

/** As in `row 7: "x"`. */
export function showExample({ row, value }: Example): string {
  return `row ${row}: ${JSON.stringify(value)}`;
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
