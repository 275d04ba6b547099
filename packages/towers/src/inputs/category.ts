import { arrayOf, expectThat } from "../format/sections.ts";
import type { InputKind } from "./input.ts";
import { addRow } from "./rows.ts";

/** Categories of an item: the sum of their rows. */
export interface CategoryWeights {
  readonly kind: "category";
  /** What each row stands for, as "column\tvalue". */
  readonly names: readonly string[];
  /** (names.length, width) */
  readonly rows: Float32Array;
}

export interface WithCategories {
  /** As "column\tvalue"; those that the training did not meet count for nothing. */
  readonly categories?: readonly string[] | undefined;
}

export const CATEGORY: InputKind<CategoryWeights, WithCategories> = {
  kind: "category",
  pack: ({ names, rows }) => ({ settings: { names }, arrays: [rows] }),
  unpack(where, section, width) {
    const { names } = section.settings as Partial<CategoryWeights>;
    const isGood = Array.isArray(names) && names.every((name) => typeof name === "string");
    expectThat(isGood, where, "category.names", "strings", names);
    return { kind: "category", names: names!, rows: arrayOf(where, section, 0, "f32", names!.length * width) };
  },
  facts: ({ names }) => ({ categories: names.length }),
  open({ names, rows }) {
    const rowOf = new Map(names.map((name, row) => [name, row]));
    return {
      add({ categories = [] }, sum) {
        for (const category of categories) addRow(rows, rowOf.get(category), 1, sum);
      },
    };
  },
};
