import { formatCount } from "@poeem/offline/progress";
import type { Database } from "./duckdb.ts";
import { wholeSql } from "./join-items.ts";
import type { KeptTable } from "./kept-table.ts";

/**
 * Users of one part of a given split who are users of another by the same whole number, as in 7.0 and 7, get one
 * spelling in the table `events`: that of the part that comes first. Where one part has two spellings they are two.
 *
 * @param events with the column `part`
 * @returns what to say of it; undefined where all are spelled alike
 */
export async function joinUsers(database: Database, events: KeptTable, user: string): Promise<string | undefined> {
  if (events.type(user) !== "VARCHAR") return undefined;
  const value = events.sql(user);
  await database.run(
    `CREATE TABLE user_spelling AS
     WITH spelled AS (
       SELECT ${value} AS value, part, min(events.rowid) AS first, ${wholeSql(value)} AS whole FROM events GROUP BY ALL
     ), same AS (
       SELECT whole, arg_min(value, first) AS kept FROM spelled WHERE whole IS NOT NULL
       GROUP BY whole HAVING count(DISTINCT value) > 1 AND count(*) = count(DISTINCT part)
     )
     SELECT DISTINCT value, kept FROM spelled JOIN same USING (whole) WHERE value <> kept`,
  );
  const [one] = await database.rows(
    "SELECT value, kept, count(*) OVER ()::DOUBLE AS count FROM user_spelling ORDER BY kept LIMIT 1",
  );
  if (one === undefined) return undefined;
  await database.run(
    `UPDATE events SET ${value.replace(/^events\./, "")} = kept FROM user_spelling WHERE ${value} = user_spelling.value`,
  );
  const { value: other, kept, count } = one;
  return (
    `users who are the same number in another spelling: ${formatCount(Number(count))} ` +
    `(${JSON.stringify(other)} is ${JSON.stringify(kept)})`
  );
}
