import { InputError, MAX_CONTEXTS, nameFault } from "@poeem/pq-core";
import type { InputKind } from "./input.ts";
import { heapBytesOf, type NamedRows, packRows, rowAdder, unpackRows } from "./rows.ts";

/** Small features of the moment (device, country, page): the sum of the rows of their values, "column\tvalue". */
export interface ContextWeights extends NamedRows {
  readonly kind: "context";
}

export interface WithContext {
  /** Column → value. Columns and values that the training did not meet count for nothing. */
  readonly context?: Readonly<Record<string, string>> | undefined;
}

export const CONTEXT: InputKind<ContextWeights, WithContext> = {
  kind: "context",
  part: "context",
  pack: (weights) => {
    const columns = columnsOf(weights.names);
    if (columns.length > MAX_CONTEXTS)
      throw new InputError("context", `expected at most ${MAX_CONTEXTS} columns, got ${columns.length}`);
    for (const column of columns) {
      const fault = nameFault(column);
      if (fault !== undefined) throw new InputError(`context.${column}`, fault);
    }
    return packRows(weights);
  },
  unpack: (where, section, width) => ({
    kind: "context",
    ...unpackRows(where, section, width, (name) => name.includes("\t")),
  }),
  facts: ({ names }) => ({ contextValues: names.length, contexts: columnsOf(names) }),
  open(weights) {
    const addNamed = rowAdder(weights);
    return {
      reads: { contexts: columnsOf(weights.names) },
      heapBytes: heapBytesOf(weights),
      add({ context = {} }, sum) {
        for (const [column, value] of Object.entries(context)) addNamed(`${column}\t${value}`, sum);
      },
    };
  },
};

function columnsOf(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.slice(0, name.indexOf("\t"))))];
}
