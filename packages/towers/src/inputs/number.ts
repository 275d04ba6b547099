import { arrayOf, expectThat } from "../format/sections.ts";
import type { InputKind } from "./input.ts";
import { addRow } from "./rows.ts";

/** Numbers of an item: a row for each column, counted as often as the number is deviations from the column's mean. */
export interface NumberWeights {
  readonly kind: "number";
  readonly columns: readonly NumberColumn[];
  /** (columns.length, width) */
  readonly rows: Float32Array;
}

export interface NumberColumn {
  readonly name: string;
  readonly mean: number;
  /** Population deviation; 1 for a column that is the same everywhere. */
  readonly deviation: number;
}

export interface WithNumbers {
  /** Column → number; NaN or left out = unknown, which counts as the mean. */
  readonly numbers?: Readonly<Record<string, number>> | undefined;
}

export const NUMBER: InputKind<NumberWeights, WithNumbers> = {
  kind: "number",
  pack: ({ columns, rows }) => ({ settings: { columns }, arrays: [rows] }),
  unpack(where, section, width) {
    const { columns } = section.settings as Partial<NumberWeights>;
    const isGood = Array.isArray(columns) && columns.every(isColumn);
    expectThat(isGood, where, "number.columns", "a name, a mean and a deviation each", columns);
    return { kind: "number", columns: columns!, rows: arrayOf(where, section, 0, "f32", columns!.length * width) };
  },
  facts: ({ columns }) => ({ numbers: columns.map(({ name }) => name) }),
  open: ({ columns, rows }) => ({
    add({ numbers = {} }, sum) {
      columns.forEach((column, row) => {
        addRow(rows, row, standardScore(numberIn(numbers, column.name), column), sum);
      });
    },
  }),
};

function numberIn(numbers: Readonly<Record<string, number>>, name: string): number {
  return Object.hasOwn(numbers, name) ? numbers[name]! : Number.NaN;
}

/** How many deviations a number is above the mean, in single precision; 0 for NaN, which stands for no number. */
export function standardScore(value: number, { mean, deviation }: Omit<NumberColumn, "name">): number {
  return Number.isNaN(value) ? 0 : Math.fround((value - mean) / deviation);
}

function isColumn(column: unknown): boolean {
  const { name, mean, deviation } = (column ?? {}) as Partial<NumberColumn>;
  return typeof name === "string" && Number.isFinite(mean) && Number.isFinite(deviation) && deviation !== 0;
}
