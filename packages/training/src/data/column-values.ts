import { UserError } from "@poeem/offline/errors";
import { type Cure, call, cast, numbersOfList, takeList, takeOne } from "./column-cures.ts";
import { type ColumnType, columnType, type Kind } from "./column-type.ts";
import { shortened } from "./shortened.ts";

/**
 * What a column is for. id: ids, users and queries. text: a title or a context. texts: words, categories and facets.
 * number: what is standardised or compared. vector: a list of numbers. time: what events are ordered by. weight: what
 * they count. field: what comes back with an item.
 */
export type Role = "id" | "text" | "texts" | "number" | "vector" | "time" | "weight" | "field";

/** One use of a column by the configuration. */
export interface Use {
  /** Where the configuration names it, such as "items.facets". */
  readonly key: string;
  readonly column: string;
  readonly role: Role;
}

interface Rule {
  /** Kinds of values that it takes. */
  readonly kinds: readonly Kind[];
  /** A row may hold a list of them. */
  readonly lists: boolean;
  /** Of these kinds every row holds one. */
  readonly listsOnly?: readonly Kind[];
  readonly expected: string;
}

const NUMBERS = ["integer", "decimal", "float"] as const;
const ALL = [...NUMBERS, "boolean", "clock", "text", "json", "other"] as const;
const ONE: Rule = { kinds: ALL, lists: false, expected: "one value per row" };
const SOME: Rule = { kinds: ALL, lists: true, expected: "one value or a list of values per row" };

/** What a column of each role may hold; docs/data.md has the same as a table. */
export const RULES: Readonly<Record<Role, Rule>> = {
  id: ONE,
  text: ONE,
  texts: SOME,
  field: SOME,
  number: { kinds: [...NUMBERS, "text", "json"], lists: false, expected: "numbers" },
  // a list as a text too, as CSV has it
  vector: {
    kinds: [...NUMBERS, "text", "json"],
    lists: true,
    listsOnly: NUMBERS,
    expected: "a list of numbers per row",
  },
  time: { kinds: [...NUMBERS, "clock"], lists: false, expected: "numbers, dates or timestamps" },
  weight: { kinds: NUMBERS, lists: false, expected: "numbers" },
};

/**
 * Refuses columns whose type does not do for what they are used.
 * @param source as in "data.items"
 * @param toTime what makes times of a column of something else
 */
export async function checkTypes(
  source: string,
  uses: readonly Use[],
  types: ReadonlyMap<string, string>,
  toTime?: (column: string, type: ColumnType) => Promise<string>,
): Promise<void> {
  for (const { key, column, role } of uses) {
    const type = columnType(types.get(column)!);
    const { kinds, lists, listsOnly = [], expected } = RULES[role];
    const least = listsOnly.includes(type.kind) ? 1 : 0;
    if (kinds.includes(type.kind) && type.depth >= least && type.depth <= (lists ? 1 : 0)) continue;
    const isTime = role === "time" && type.depth === 0 && type.kind !== "opaque";
    const cure = isTime && toTime ? await toTime(column, type) : cureOf(role, column, type);
    throw new UserError(
      `${source}: expected ${expected} in column ${column} (${key}), got type ${shortened(type.name, SHOWN)}` +
        (cure === undefined ? "" : `; SQL that would do: ${cure}`),
    );
  }
}

function cureOf(role: Role, column: string, type: ColumnType): string | undefined {
  return role === "vector" ? numbersOfList(column, type) : cureFor(role, type)(column, type);
}

function cureFor(role: Role, { kind, depth }: ColumnType): Cure {
  if (depth > 0 || kind === "opaque") return RULES[role].lists ? takeList : takeOne;
  if (role === "time") return cast("TIMESTAMP");
  return kind === "clock" ? call("epoch") : cast(kind === "boolean" ? "INTEGER" : "DOUBLE");
}

/** Characters of a type that are shown. */
const SHOWN = 120;

/** From here on neighbours of a whole number are no DOUBLE (or FLOAT): a reader may have rounded to it. */
const ROUNDED = { DOUBLE: 2 ** 53, FLOAT: 2 ** 24 } as const;

/** Where a value may not be what stood in the file, as ids must: SQL that is true there; undefined where none can. */
export function roundedSql({ kind, element }: ColumnType, value: string): string | undefined {
  return kind === "float" ? `abs(${value}) >= ${ROUNDED[element as keyof typeof ROUNDED]}` : undefined;
}

/** What is wrong with rows where `roundedSql` is true. */
export const roundedWords = (column: string, { element }: ColumnType): string =>
  `${column} too large for type ${element} to tell it from its neighbours (read it as VARCHAR or BIGINT)`;

/** What JavaScript takes for white space, as a text of SQL: a text of nothing else is blank. */
const WHITE_SPACE =
  "'\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
  "\u2028\u2029\u202f\u205f\u3000\ufeff'";

/** A value as SQL that is text or prints as it; NULL where there is none. A DOUBLE or FLOAT is its shortest decimal. */
function valueSql({ kind, element }: ColumnType, value: string): string {
  if (kind === "float") {
    // not 7.0, nor -0
    const text = `CASE WHEN ${value} = 0 THEN '0' ELSE regexp_replace(${value}::VARCHAR, '\\.0$', '') END`;
    return `CASE WHEN NOT isnan(${value}) THEN ${text} END`;
  }
  if (kind === "decimal" && !element.endsWith(",0)")) {
    // with the digits of its scale, which stand in the file; DECIMAL(2,2) prints .50
    return `regexp_replace(${value}::VARCHAR, '^(-?)\\.', '\\10.')`;
  }
  if (kind === "json") {
    const text = `CASE json_type(${value}) WHEN 'VARCHAR' THEN (${value}->>'$') ELSE trim(${value}::VARCHAR) END`;
    return `CASE WHEN json_type(${value}) <> 'NULL' THEN ${text} END`;
  }
  return value;
}

/** A column as texts, `VARCHAR` or `VARCHAR[]`; NULL where there is none. */
export function textSql(type: ColumnType, column: string): string {
  if (type.depth === 0) return `(${valueSql(type, column)})::VARCHAR`;
  const list = type.name.endsWith("[]") ? column : `${column}::${type.element}[]`;
  const texts = `list_transform(${list}, lambda x: (${valueSql(type, "x")})::VARCHAR)`;
  return `list_filter(${texts}, lambda x: x IS NOT NULL)`;
}

/** SQL that is equal where the texts are and prints as them; NULL where a text is missing or blank. */
export function keySql(type: ColumnType, column: string): string {
  // without the detour where values are equal just when their texts are
  if (type.kind === "integer" || type.kind === "boolean" || type.kind === "clock") return column;
  const text = textSql(type, column);
  if (type.kind !== "text" && type.kind !== "json") return text;
  // most begin with a printable character of ASCII: trimming a million texts takes a second and more
  const isPlain = `${text} >= '!' AND ${text} < '\u007f'`;
  return `CASE WHEN ${isPlain} THEN ${text} WHEN trim(${text}, ${WHITE_SPACE}) <> '' THEN ${text} END`;
}

/** Nothing but white space counts as missing. */
export const isBlank = (text: string): boolean => text.trim() === "";

const DECIMAL = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;

/** The number that a text says: NaN where it is missing, undefined where it says something else. */
export function parseNumber(text: string | null): number | undefined {
  if (text === null || isBlank(text) || /^\s*nan\s*$/i.test(text)) return Number.NaN;
  const number = DECIMAL.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

/** What a text says that DuckDB's reader takes for a BOOLEAN; undefined where it says something else. */
export function parseBoolean(text: string): boolean | undefined {
  if (/^\s*(true|t|yes|y)\s*$/i.test(text)) return true;
  return /^\s*(false|f|no|n)\s*$/i.test(text) ? false : undefined;
}

/** Whether a JSON number says all digits of the text. */
export function isExact(text: string): boolean {
  const number = Number(text);
  if (/^-?\d+$/.test(text)) return Number.isSafeInteger(number);
  const digits = text.replace(/e.*$/i, "").replace(/^[-0.]+|\D/g, "");
  return Number.isFinite(number) && (digits.length <= 15 || String(number) === text);
}
