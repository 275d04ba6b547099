import type { ItemFields } from "@poeem/pq-core";
import { isBlank, isExact, parseBoolean, parseNumber } from "./column-values.ts";
import type { TypedColumn } from "./json-columns.ts";
import { type Problem, ProblemRows } from "./problems.ts";
import type { FieldKind, ItemTable, TextColumn, ValueKind } from "./types.ts";

type FieldValue = string | number | boolean;

/** What each text of a column of a kind is in JSON; null where it is missing, undefined where it is none. */
const READ: Readonly<Record<ValueKind, (text: string) => FieldValue | null | undefined>> = {
  text: (text) => text,
  boolean: (text) => (isBlank(text) ? null : parseBoolean(text)),
  number: (text) => {
    const number = parseNumber(text);
    return Number.isNaN(number) ? null : number;
  },
};

const valueKind = (kind: FieldKind): ValueKind => kind.replace("[]", "") as ValueKind;
const isList = (kind: FieldKind): boolean => kind.endsWith("[]");

/** What comes back with each item, without what it lacks: its title, and the columns of `items.fields`. */
export function itemFields({ count, texts, fields }: ItemTable): ItemFields[] {
  const columns = Array.from(fields, ([name, { column, kind }]) => [name, texts.get(column)!, kind] as const);
  return Array.from({ length: count }, (_, item) => {
    const own: Record<string, unknown> = {};
    for (const [name, values, kind] of columns) {
      const value = values[item]!;
      if (value === null) continue;
      const read = [value].flat().map(READ[valueKind(kind)]);
      const found = read.filter((one) => one !== null && one !== undefined);
      // a list may be empty, but not for a blank
      if (isList(kind) ? found.length > 0 || Array.isArray(value) : found.length > 0)
        own[name] = isList(kind) ? found : found[0];
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
export function kindOf(column: TypedColumn, values: TextColumn): FieldKind {
  const kind = valueKindOf(column, (test) => values.every((value) => [value ?? []].flat().every(test)));
  return column.type.depth > 0 ? `${kind}[]` : kind;
}

function valueKindOf(
  { type, guess, json }: TypedColumn,
  every: (test: (text: string) => boolean) => boolean,
): ValueKind {
  if (type.kind === "boolean" || (json && only(json, ["BOOLEAN"]))) return "boolean";
  if (type.kind === "float") return "number";
  const isNumber = type.kind === "integer" || type.kind === "decimal" || (json && only(json, JSON_NUMBERS));
  if (isNumber) return every(isExact) ? "number" : "text";
  // read as the text that stands in the file: whatever else is done with the column, it is what the reader guessed
  if (type.kind !== "text") return "text";
  if (guess?.kind === "boolean") return every((text) => READ.boolean(text) !== undefined) ? "boolean" : "text";
  const isGuess = guess?.kind === "float" || guess?.kind === "integer" || guess?.kind === "decimal";
  return isGuess && every(keepsAll) ? "number" : "text";
}

/** Whether a number is all that a text says: not zeros or a plus before it, nor more digits than a whole one holds. */
function keepsAll(text: string): boolean {
  // what is infinite is a number, to be refused as one
  if (isBlank(text) || /^\s*([+-]?inf(inity)?|nan)\s*$/i.test(text)) return true;
  if (parseNumber(text) === undefined || /^\s*(\+|-?0\d)/.test(text)) return false;
  return !/^\s*-?\d+\s*$/.test(text) || isExact(text.trim());
}

/** Values that are not of the kind. @param first number of the first one's row */
export function wrongFields(name: string, kind: FieldKind, values: TextColumn, first = 0): Problem[] {
  const what = valueKind(kind) === "boolean" ? "neither true nor false" : "no number";
  const here = `in column ${name} (items.fields)`;
  const rows = new ProblemRows(`${what} ${here}`);
  const lists = new ProblemRows(`a list ${here}, where one value is expected`);
  for (const [i, value] of values.entries()) {
    if (!isList(kind) && Array.isArray(value) && value.length > 1) lists.add(first + i, value.join(", "));
    for (const one of [value ?? []].flat()) if (READ[valueKind(kind)](one) === undefined) rows.add(first + i, one);
  }
  return [rows.problem(), lists.problem()];
}
