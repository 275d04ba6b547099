import type { InputKind } from "./input.ts";
import { type NamedRows, packRows, rowAdder, unpackRows } from "./rows.ts";

/** What the training learned of each item, by its id, beside its content: a row, and the queries that led to it. */
export interface KnownWeights extends NamedRows {
  readonly kind: "known";
}

export interface WithId {
  readonly id: string;
}

export const KNOWN: InputKind<KnownWeights, WithId> = {
  kind: "known",
  pack: packRows,
  unpack: (where, section, width) => ({ kind: "known", ...unpackRows(where, section, width) }),
  facts: ({ names }) => ({ items: names.length }),
  open(weights) {
    const addNamed = rowAdder(weights);
    return { add: ({ id }, sum) => addNamed(id, sum) };
  },
};
