import type { ItemFields } from "@poeem/pq-core";
import { isExact, parseNumber } from "./column-values.ts";
import type { TypedColumn } from "./json-columns.ts";
import { type Problem, ProblemRows } from "./problems.ts";
import type { FieldKind, ItemTable, TextColumn } from "./types.ts";

/** What each text of a column of a kind is in JSON; undefined where it is missing. */
const READ: Readonly<Record<FieldKind, (text: string) => string | number | boolean | undefined>> = {
  text: (text) => text,
  boolean: (text) => text.trim().toLowerCase() === "true",
  number: (text) => {
    const number = parseNumber(text);
    return Number.isNaN(number) ? undefined : number;
  },
};

/** What comes back with each item, without what it lacks: its title, and the columns of `items.fields`. */
export function itemFields({ count, texts, fields }: ItemTable): ItemFields[] {
  const columns = Array.from(fields, ([name, { column, kind }]) => [name, texts.get(column)!, READ[kind]] as const);
  return Array.from({ length: count }, (_, item) => {
    const own: Record<string, unknown> = {};
    for (const [name, values, read] of columns) {
      const value = values[item]!;
      const field = value === null || typeof value === "string" ? value && read(value) : value.map(read);
      if (field !== null && field !== undefined) own[name] = field;
    }
    return own;
  });
}

/** Names and kinds of the fields, as they travel in the artifact: `encode` makes the same of a file's texts. */
export const fieldKinds = ({ fields }: ItemTable): Record<string, FieldKind> =>
  Object.fromEntries(Array.from(fields, ([name, { kind }]) => [name, kind]));

const JSON_NUMBERS = ["BIGINT", "UBIGINT", "HUGEINT", "DOUBLE"];
const only = (types: ReadonlySet<string>, allowed: readonly string[]): boolean =>
  types.size > 0 && [...types].every((type) => allowed.includes(type));

/** The kind of a column: the same for all of its values, however wide the type. Numbers that JSON rounds are texts. */
export function kindOf({ type, json }: TypedColumn, values: TextColumn): FieldKind {
  if (type.kind === "boolean" || (json && only(json, ["BOOLEAN"]))) return "boolean";
  if (type.kind === "float") return "number";
  const isNumber = type.kind === "integer" || type.kind === "decimal" || (json && only(json, JSON_NUMBERS));
  return isNumber && values.every((value) => [value ?? []].flat().every(isExact)) ? "number" : "text";
}

/** Values that are not of the kind. */
export function wrongFields(name: string, kind: FieldKind, values: TextColumn): Problem {
  const what = kind === "boolean" ? "neither true nor false" : "no number";
  const rows = new ProblemRows(`${what} in column ${name} (items.fields)`);
  const isRight: Readonly<Record<FieldKind, (text: string) => boolean>> = {
    text: () => true,
    boolean: (text) => /^\s*(true|false)\s*$/i.test(text),
    number: (text) => parseNumber(text) !== undefined,
  };
  for (const [i, value] of values.entries())
    for (const one of [value ?? []].flat()) if (!isRight[kind](one)) rows.add(i, one);
  return rows.problem();
}
