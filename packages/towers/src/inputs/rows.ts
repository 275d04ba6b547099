import { arrayOf, expectThat, type Section } from "../format/sections.ts";

/** Rows of a table, each with a name. */
export interface NamedRows {
  readonly names: readonly string[];
  /** (names.length, width) */
  readonly rows: Float32Array;
}

/** As a section has them: names as JSON in bytes, because a million of them are too many for a header. */
export function packRows({ names, rows }: NamedRows): Omit<Section, "kind"> {
  return { settings: {}, arrays: [new TextEncoder().encode(JSON.stringify(names)), rows] };
}

/** @param isName besides being a text of its own @throws FormatError */
export function unpackRows(
  where: string,
  section: Section,
  width: number,
  isName: (name: string) => boolean = () => true,
): NamedRows {
  const json = new TextDecoder().decode(arrayOf(where, section, 0, "u8"));
  let names: unknown;
  try {
    names = JSON.parse(json);
  } catch {
    // told below
  }
  const areNames = Array.isArray(names) && names.every((name) => typeof name === "string" && isName(name));
  const isGood = areNames && new Set(names as string[]).size === (names as string[]).length;
  expectThat(isGood, where, `${section.kind}.names`, "a list of different names", "something else");
  const good = names as string[];
  return { names: good, rows: arrayOf(where, section, 1, "f32", good.length * width) };
}

/** Of a name that is looked up, as V8 has it: its text, its place in the list and in the map. Measured: 133 to 159. */
const NAME_BYTES = 150;

/** Memory of what finds rows by their names, beside the rows. */
export function heapBytesOf({ names }: NamedRows): number {
  return NAME_BYTES * names.length;
}

/** The number of each name. */
export const rowNumbers = (names: readonly string[]): ReadonlyMap<string, number> =>
  new Map(names.map((name, row) => [name, row]));

/** Adds rows by their names; an unknown name counts for nothing. */
export function rowAdder(
  { names, rows }: NamedRows,
  rowOf: ReadonlyMap<string, number> = rowNumbers(names),
): (name: string, sum: Float64Array) => void {
  return (name, sum) => {
    const row = rowOf.get(name);
    if (row !== undefined) addRow(rows, row, 1, sum);
  };
}

/** sum += weight · row of (n, sum.length). */
export function addRow(rows: Float32Array, row: number, weight: number, sum: Float64Array): void {
  const start = row * sum.length;
  for (let d = 0; d < sum.length; d++) sum[d]! += weight * rows[start + d]!;
}

/** Each row of (n, dim) as a view. */
export function rowsOf(rows: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: rows.length / dim }, (_, i) => rows.subarray(i * dim, (i + 1) * dim));
}
