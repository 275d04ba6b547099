import { counted } from "@poeem/offline/progress";
import { type ColumnType, columnType } from "./column-type.ts";
import { keySql } from "./column-values.ts";
import type { Database } from "./duckdb.ts";
import type { EventSource } from "./event-sources.ts";
import type { TypedColumn } from "./json-columns.ts";
import { EXAMPLES, findRows } from "./problems.ts";
import type { Example, Finding } from "./types.ts";

/** How events find their items: by the table `item_ids` of value and number. */
export interface ItemJoin {
  /** What is joined to `item_ids.value`. */
  readonly sql: string;
  /** Says that items were found by the number that events say; undefined where all are spelled alike. */
  readonly note: string | undefined;
  /** Events of unknown items in all sources; of others than `data.events` the examples say which. */
  unknown(sources: readonly EventSource[]): Promise<UnknownItems>;
}

export interface UnknownItems extends Finding {
  /** Shows an id of either side; absent where all are known, or name none. */
  readonly sides?: string;
  /** The same of each source that has any. */
  readonly sources?: readonly { readonly source: string; readonly count: number; readonly sides: string }[];
}

/** A whole number without the zeros behind its point; NULL for all else. */
export const wholeSql = (text: string): string =>
  `CASE WHEN regexp_full_match(${text}, '-?(0|[1-9][0-9]*)(\\.0+)?') THEN regexp_replace(${text}, '\\..*', '') END`;

/**
 * Joins the tables `events` and `items`: ids are the same when their texts are; else when they say the same whole
 * number and no other id does.
 *
 * @param column what the configuration calls `item`
 */
export async function joinItems(
  database: Database,
  id: TypedColumn,
  item: TypedColumn,
  column: string,
): Promise<ItemJoin> {
  // integers are compared as they are
  const cast = id.type.kind === "integer" && item.type.kind === "integer" ? "" : "::VARCHAR";
  const keyOf = ({ type, sql }: TypedColumn): string => `(${keySql(type, sql)})${cast}`;
  const [known, sql] = [keyOf(id), keyOf(item)];
  await database.run(
    `CREATE TABLE item_ids AS SELECT ${known} AS value, number FROM items JOIN item_order ON item = items.rowid`,
  );
  const unknown = `events ANTI JOIN item_ids ON item_ids.value = ${sql}`;
  const note = cast === "" ? undefined : await joinNumbers(database, sql, unknown);
  return {
    sql,
    note,
    async unknown(sources) {
      const found = [];
      for (const { source, table } of sources) {
        const key = keyOf({ sql: table.sql(column), type: columnType(table.type(column)) });
        const rows = await findRows(database, `${table.name} ANTI JOIN item_ids ON item_ids.value = ${key}`, key);
        const examples = rows.examples.map((one) => (source === "data.events" ? one : { source, ...one }));
        found.push({ source, ...rows, examples });
      }
      const count = found.reduce((sum, rows) => sum + rows.count, 0);
      const examples = found.flatMap((rows) => rows.examples).slice(0, EXAMPLES);
      const [one] = await database.rows(`SELECT ${known}::VARCHAR AS id FROM items LIMIT 1`);
      const alike = await countAlike(database, `(SELECT DISTINCT ${sql}::VARCHAR AS value FROM ${unknown})`);
      const [named] = await database.rows(
        `SELECT ${sql}::VARCHAR AS id FROM ${unknown} WHERE (${sql}) IS NOT NULL ORDER BY events.rowid LIMIT 1`,
      );
      const sidesOf = (event: unknown): string =>
        `item ids such as ${shown(one!["id"], id.type)}, ` +
        (event == null ? "events without an item" : `event items such as ${shown(event, item.type)}`) +
        (alike === 0
          ? ""
          : `; ${alike} of them ${alike === 1 ? "is" : "are"} the id of an item but for case and blanks`);
      return {
        count,
        examples,
        ...(named && { sides: sidesOf(named["id"]) }),
        sources: found
          .filter((rows) => rows.count > 0)
          .map((rows) => ({ source: rows.source, count: rows.count, sides: sidesOf(firstNamed(rows.examples)) })),
      };
    },
  };
}

/** The first that is not missing. */
const firstNamed = (examples: readonly Example[]) => examples.find(({ value }) => value !== null)?.value;

const shown = (text: unknown, { name }: ColumnType): string => `${JSON.stringify(text)} (${name})`;

/** Adds to `item_ids` how events spell the numbers of items; says so if any do. */
async function joinNumbers(database: Database, sql: string, unknown: string): Promise<string | undefined> {
  await database.run(
    `CREATE TABLE spelled AS SELECT other.value, min(number) AS number, min(item_ids.value) AS item
     FROM (SELECT DISTINCT ${sql} AS value FROM ${unknown}) AS other
     JOIN item_ids ON ${wholeSql("item_ids.value")} = ${wholeSql("other.value")}
     GROUP BY other.value HAVING count(*) = 1`,
  );
  const [one] = await database.rows("SELECT value, item FROM spelled ORDER BY number, value LIMIT 1");
  if (one === undefined) return undefined;
  const { count } = await findRows(database, `events SEMI JOIN spelled ON spelled.value = ${sql}`, sql);
  await database.run("INSERT INTO item_ids SELECT value, number FROM spelled");
  return (
    `${counted(count, "event")} ${count === 1 ? "names" : "name"} an item by the same number in another spelling ` +
    `(${JSON.stringify(one["value"])} is item ${JSON.stringify(one["item"])})`
  );
}

/** How many of the values are the id of an item but for case and the blanks around them. */
async function countAlike(database: Database, values: string): Promise<number> {
  const plain = (text: string): string => `lower(trim(${text}::VARCHAR))`;
  const [counted] = await database.rows(
    `SELECT count(*)::DOUBLE AS count FROM ${values} AS other
     WHERE ${plain("other.value")} IN (SELECT ${plain("item_ids.value")} FROM item_ids)`,
  );
  return Number(counted!["count"]);
}
