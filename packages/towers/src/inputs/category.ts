import type { InputKind } from "./input.ts";
import { type NamedRows, packRows, rowAdder, unpackRows } from "./rows.ts";

/** Categories of an item: the sum of their rows, "column\tvalue". */
export interface CategoryWeights extends NamedRows {
  readonly kind: "category";
}

export interface WithCategories {
  /** As "column\tvalue"; those that the training did not meet count for nothing. */
  readonly categories?: readonly string[] | undefined;
}

export const CATEGORY: InputKind<CategoryWeights, WithCategories> = {
  kind: "category",
  pack: packRows,
  unpack: (where, section, width) => ({ kind: "category", ...unpackRows(where, section, width) }),
  facts: ({ names }) => ({ categories: names.length }),
  open(weights) {
    const addNamed = rowAdder(weights);
    return {
      add({ categories = [] }, sum) {
        for (const category of categories) addNamed(category, sum);
      },
    };
  },
};
