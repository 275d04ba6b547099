import type { ColumnType } from "./column-type.ts";
import { literal, quoted } from "./duckdb.ts";

/** How dates and times are usually written, where they are not as ISO 8601 has them. */
const DATES = ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%d %b %Y", "%d %B %Y"];
const CLOCKS = ["", " %H:%M", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"];
const FORMATS = [
  ...DATES.flatMap((date) => CLOCKS.map((clock) => `${date}${clock}`)),
  ...["%b %d, %Y", "%B %d, %Y", "%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%SZ"],
  ...["%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %Y"],
];

/** Runs SQL over the column. */
type Rows = (sql: string) => Promise<Record<string, unknown>[]>;

/** SQL of a value, as it is to be written, and in a form that is NULL where it does not do. */
interface Candidate {
  readonly sql: string;
  readonly tried: string;
}

/** SQL that makes times of a column of something else, and that works on all its values; else where to look. */
export async function timeCure(rows: Rows, from: string, column: string, type: ColumnType): Promise<string> {
  const value = textOf(column, type);
  const formats = FORMATS.map((format) => {
    const given = `(${value}, ${literal(format)})`;
    return { sql: `strptime${given}`, tried: `try_strptime${given}` };
  });
  const found = await fitting(rows, from, value, [castTo("TIMESTAMP", value), ...formats, castTo("DOUBLE", value)]);
  const name = quoted(column);
  if (found.length === 0) return `strptime(${value}, FORMAT) AS ${name}, with the FORMAT of all its values`;
  const [first, ...others] = found.map(({ sql, tried, safe }) => (safe ? tried : sql));
  const other = others.find((sql) => sql.includes("'%m"));
  const unsure = other !== undefined && found[0]!.at > 0;
  return `${first} AS ${name}${unsure ? `, or ${other} if the month comes first` : ""}`;
}

/** The same of numbers with decimal commas, or with commas between thousands; undefined where neither does. */
export async function numberCure(
  rows: Rows,
  from: string,
  column: string,
  type: ColumnType,
  sql: string,
): Promise<string | undefined> {
  const candidatesOf = (value: string): Candidate[] => [
    castTo("DOUBLE", `replace(${value}, ',', '.')`),
    castTo("DOUBLE", `replace(replace(${value}, '.', ''), ',', '.')`),
    castTo("DOUBLE", `replace(${value}, ',', '')`),
  ];
  const [decimal, grouped, thousands] = candidatesOf(sql);
  // 1,5 is no 15: what sets thousands apart is followed by three digits, and never comes after the decimal mark
  const apart = (mark: string, point: string): string =>
    `NOT regexp_matches(${sql}, '${mark}([0-9]{0,2}|[0-9]{4,})([^0-9]|$)|${point}.*${mark}')`;
  const where = (condition: string, { sql, tried }: Candidate): Candidate => ({
    sql,
    tried: `CASE WHEN ${condition} THEN ${tried} END`,
  });
  const tried = [decimal!, where(apart("[.]", ","), grouped!), where(apart(",", "[.]"), thousands!)];
  const own = candidatesOf(textOf(column, type));
  const fits = await fitting(rows, from, sql, tried);
  const found = fits.map((one) => (one.safe ? own[one.at]!.tried : own[one.at]!.sql));
  // without dots the first two are the same
  const [first, last] = [found[0], fits.at(-1)?.at === 2 ? found.at(-1) : undefined];
  if (first === undefined) return undefined;
  const other = last === undefined || last === first ? "" : `, or ${last} if the comma sets thousands apart`;
  return `${first} AS ${quoted(column)}${other}`;
}

interface Fit extends Candidate {
  readonly at: number;
  /** Whether it is the form for columns with blanks in them, too, that has to be written. */
  readonly safe: boolean;
}

/** Those that work on all values that are there. */
async function fitting(rows: Rows, from: string, value: string, candidates: readonly Candidate[]): Promise<Fit[]> {
  const counts = candidates.map(({ tried }, i) => `count(${tried})::DOUBLE AS c${i}`);
  const there = `trim(${value}) <> ''`;
  const [row] = await rows(
    `SELECT count(*)::DOUBLE AS rows, count(*) FILTER (${there})::DOUBLE AS there, ${counts.join(", ")} FROM ${from}`,
  );
  const safe = row!["rows"] !== row!["there"];
  return candidates.flatMap((one, at) =>
    Number(row!["there"]) > 0 && row![`c${at}`] === row!["there"] ? [{ ...one, at, safe }] : [],
  );
}

const castTo = (to: string, value: string): Candidate => ({
  sql: `${value}::${to}`,
  tried: `TRY_CAST(${value} AS ${to})`,
});

/** A column as text, as one would write it. */
function textOf(column: string, { kind }: ColumnType): string {
  if (kind === "json") return `(${quoted(column)}->>'$')`;
  return kind === "text" ? quoted(column) : `${quoted(column)}::VARCHAR`;
}
