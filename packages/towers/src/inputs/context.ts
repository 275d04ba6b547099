import { arrayOf, expectThat } from "../format/sections.ts";
import type { InputKind } from "./input.ts";
import { addRow } from "./rows.ts";

/** Small features of the moment (device, country, page): the sum of the rows of their values. */
export interface ContextWeights {
  readonly kind: "context";
  /** What each row stands for, as "column\tvalue". */
  readonly names: readonly string[];
  /** (names.length, width) */
  readonly rows: Float32Array;
}

export interface WithContext {
  /** Column → value. Columns and values that the training did not meet count for nothing. */
  readonly context?: Readonly<Record<string, string>> | undefined;
}

const MAX_NAMES = 1 << 16;

export const CONTEXT: InputKind<ContextWeights, WithContext> = {
  kind: "context",
  pack: ({ names, rows }) => ({ settings: { names }, arrays: [rows] }),
  unpack(where, section, width) {
    const { names } = section.settings as Partial<ContextWeights>;
    const isGood = Array.isArray(names) && names.length <= MAX_NAMES && names.every(isName);
    expectThat(isGood, where, "context.names", `at most ${MAX_NAMES} strings "column\\tvalue"`, names);
    return { kind: "context", names: names!, rows: arrayOf(where, section, 0, "f32", names!.length * width) };
  },
  facts: ({ names }) => ({ contextValues: names.length, contexts: columnsOf(names) }),
  open({ names, rows }) {
    const rowOf = new Map(names.map((name, row) => [name, row]));
    return {
      reads: { contexts: columnsOf(names) },
      add({ context = {} }, sum) {
        for (const [column, value] of Object.entries(context)) addRow(rows, rowOf.get(`${column}\t${value}`), 1, sum);
      },
    };
  },
};

function columnsOf(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.slice(0, name.indexOf("\t"))))];
}

function isName(name: unknown): boolean {
  return typeof name === "string" && name.includes("\t");
}
