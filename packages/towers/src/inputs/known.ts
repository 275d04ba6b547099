import type { InputKind } from "./input.ts";
import { type NamedRows, packRows, rowAdder, rowNumbers, unpackRows } from "./rows.ts";

/**
 * What the training learned of each item, by its id, beside its content: a row, and the queries that led to it. Without
 * rows of their own, or where items share them (`HashedWeights`), those items are here that queries led to.
 */
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
    const rowOf = rowNumbers(weights.names);
    const addNamed = rowAdder(weights, rowOf);
    return { knows: ({ id }) => rowOf.has(id), add: ({ id }, sum) => addNamed(id, sum) };
  },
};
