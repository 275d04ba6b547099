import { arrayOf, expectThat } from "../format/sections.ts";
import type { InputKind } from "./input.ts";
import { addRow } from "./rows.ts";

/**
 * What the training learned of each item beside its content: its id's row, and the words of the queries that led to it.
 */
export interface KnownWeights {
  readonly kind: "known";
  readonly ids: readonly string[];
  /** (ids.length, width) */
  readonly rows: Float32Array;
}

export interface WithId {
  readonly id: string;
}

export const KNOWN: InputKind<KnownWeights, WithId> = {
  kind: "known",
  // a million ids are too many for a header
  pack: ({ ids, rows }) => ({ settings: {}, arrays: [new TextEncoder().encode(JSON.stringify(ids)), rows] }),
  unpack(where, section, width) {
    const json = arrayOf(where, section, 0, "u8");
    let ids: unknown;
    try {
      ids = JSON.parse(new TextDecoder().decode(json));
    } catch {
      // told below
    }
    const isGood = Array.isArray(ids) && ids.every((id) => typeof id === "string");
    expectThat(isGood, where, "known.ids", "a list of strings", "something else");
    const known = ids as string[];
    return { kind: "known", ids: known, rows: arrayOf(where, section, 1, "f32", known.length * width) };
  },
  facts: ({ ids }) => ({ items: ids.length }),
  open({ ids, rows }) {
    const rowOf = new Map(ids.map((id, row) => [id, row]));
    return { add: ({ id }, sum) => addRow(rows, rowOf.get(id), 1, sum) };
  },
};
