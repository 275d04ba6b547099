import { type ColumnType, columnType } from "./column-type.ts";
import { literal, quoted } from "./duckdb.ts";

/** What to write in the SQL of a source, to be shown in an error, for a column whose type does not do. */
export type Cure = (column: string, type: ColumnType) => string;

const as = (sql: string, column: string): string => `${sql} AS ${quoted(column)}`;

/** SQL that converts single values. */
export const cast =
  (to: string): Cure =>
  (column) =>
    as(`${quoted(column)}::${to}`, column);

/** SQL that calls a function of DuckDB's. */
export const call =
  (name: string): Cure =>
  (column) =>
    as(`${name}(${quoted(column)})`, column);

/** SQL that makes one value a row of lists, structs and the like. */
export const takeOne: Cure = (column, type) => as(readable(column, type, false), column);

/** SQL that makes a list of values a row, or one value, of nested lists, structs and the like. */
export const takeList: Cure = (column, type) => as(readable(column, type, true), column);

/** SQL that makes a list of numbers of a single one, of lists in lists or of a struct; undefined if there is no way. */
export function numbersOfList(column: string, type: ColumnType): string | undefined {
  const { element, kind, depth } = type;
  const members = depth === 0 ? membersOf(element) : [];
  const areNumbers = (types: readonly string[]): boolean => types.every((name) => NUMERIC.has(columnType(name).kind));
  if (members.length > 0 && areNumbers(members.map((member) => member.type)))
    return as(`[${members.map(({ name }) => `${quoted(column)}.${name}`).join(", ")}]`, column);
  if (!NUMERIC.has(kind)) return undefined;
  if (depth > 1) return takeList(column, type);
  return depth === 1 ? cast("FLOAT[]")(column, type) : as(`[${quoted(column)}]`, column);
}

/** Kinds that DuckDB casts to FLOAT. */
const NUMERIC: ReadonlySet<ColumnType["kind"]> = new Set(["integer", "decimal", "float", "boolean"]);

/** SQL that reads members of the objects in a column of JSON. */
export const takeMember = (column: string, key: string, inArray: boolean): string => {
  const member = /^[a-z_]\w*$/i.test(key) ? key : `"${key.replace(/["\\]/g, "\\$&")}"`;
  return as(`${quoted(column)}->>${literal(`$${inArray ? "[*]" : ""}.${member}`)}`, column);
};

function readable(column: string, { element, depth }: ColumnType, lists: boolean): string {
  const name = quoted(column);
  const member = memberOf(element);
  if (depth === 0) return member?.(name, lists) ?? `${name}::VARCHAR`;
  let list = name;
  for (let level = 1; level < depth; level++) list = `flatten(${list})`;
  if (member) list = `list_transform(${list}, lambda x: ${member("x", false)})`;
  return lists ? list : `${list}[1]`;
}

/** How to take something readable out of a value that is not; undefined where there is no need or no way. */
function memberOf(element: string): ((value: string, lists: boolean) => string) | undefined {
  if (element === "BLOB") return (value) => `decode(${value})`;
  if (element.startsWith("MAP(")) return (value, lists) => `map_values(${value})${lists ? "" : "[1]"}`;
  const all = membersOf(element);
  const best = all.find(({ type }) => type === "VARCHAR") ?? all[0];
  return best && ((value) => `${value}.${best.name}`);
}

/** Members of a struct or union; none of any other type. */
function membersOf(element: string): { name: string; type: string }[] {
  const members = /^(?:STRUCT|UNION)\((.*)\)$/s.exec(element);
  return members ? splitMembers(members[1]!) : [];
}

/** Members of `id BIGINT, "a name" STRUCT(x INTEGER, y INTEGER)`, names as one would write them in SQL. */
function splitMembers(list: string): { name: string; type: string }[] {
  const members: { name: string; type: string }[] = [];
  const head = /\s*("(?:[^"]|"")*"|[^\s",()]+)\s+/y;
  for (let at = 0; at < list.length; at++) {
    head.lastIndex = at;
    const name = head.exec(list)?.[1];
    if (name === undefined) break;
    const start = head.lastIndex;
    at = endOfType(list, start);
    const plain = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
    members.push({ name: quoted(plain), type: list.slice(start, at) });
  }
  return members;
}

/** Where the type that starts here ends: at a comma outside of parentheses and quotes. */
function endOfType(list: string, start: number): number {
  let open = 0;
  let quote = "";
  for (let at = start; at < list.length; at++) {
    const character = list[at]!;
    if (quote !== "") quote = character === quote ? "" : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === "(") open++;
    else if (character === ")") open--;
    else if (character === "," && open === 0) return at;
  }
  return list.length;
}
